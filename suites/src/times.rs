//! How long checks take, as published runs measured it.
//!
//! `times.tsv` beside the manifest of this crate lists the median of each check in milliseconds. A check without a line
//! counts as a short one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The times: the id, a tab, and milliseconds.
const MEASURED: &str = include_str!("../times.tsv");

/// The time of a check that nobody has measured, in milliseconds.
const UNKNOWN_MS: u32 = 100;

/// The time of a check at least, in milliseconds, so that each one moves the progress.
const LEAST_MS: u32 = 1;

static TIMES: LazyLock<BTreeMap<&'static str, u32>> = LazyLock::new(|| {
    let lines = MEASURED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('\t')).filter_map(|(id, ms)| Some((id, ms.parse().ok()?))).collect()
});

/// Returns how long a check takes typically, in milliseconds, at least 1.
#[must_use]
pub fn typical_ms(id: &str) -> u32 {
    TIMES.get(id).copied().unwrap_or(UNKNOWN_MS).max(LEAST_MS)
}

/// Returns the ids of all checks whose times were measured.
pub fn measured_ids() -> impl Iterator<Item = &'static str> {
    TIMES.keys().copied()
}
