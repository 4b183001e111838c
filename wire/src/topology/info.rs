//! The parser for the `name:value` lines of INFO and CLUSTER INFO.

use std::collections::BTreeMap;

/// Reads the lines of INFO or CLUSTER INFO. It skips headings, empty lines and lines without a colon.
#[must_use]
pub fn parse_info(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_split_at_the_first_colon() {
        let info = parse_info(
            "# Cluster\r\ncluster_enabled:1\r\n\r\ncluster_state:ok\r\nexecutable:/a:b\r\nnothing\r\nempty:\r\n",
        );
        let expected = [("cluster_enabled", "1"), ("cluster_state", "ok"), ("empty", ""), ("executable", "/a:b")];
        assert!(info.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{info:?}");
    }
}
