//! `name:value` lines, as INFO and CLUSTER INFO answer.

use std::collections::BTreeMap;

/// Reads the lines of INFO or CLUSTER INFO; headings, empty lines and lines without a colon are left out.
#[must_use]
pub fn parse_info(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
