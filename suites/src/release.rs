//! The releases of rct, and the release that brought a check.
//!
//! `since.tsv` beside the manifest of this crate lists the checks of every published release. A built-in check that is
//! not on the list is new, so whoever adds one need not name a release.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The releases, oldest first; the last one is the version of this crate.
const NAMES: [&str; 2] = ["0.1.0", "0.2.0"];

/// The checks of every release except the newest: the id, a tab, and the release that brought it.
const PUBLISHED: &str = include_str!("../since.tsv");

/// A release of rct. Newer releases are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(usize);

/// A text is not the version of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rct has no version {typed:?}; it knows {known}", known = NAMES.join(", "))]
pub struct UnknownRelease {
    /// The text.
    pub typed: String,
}

impl Release {
    /// The first release. The checks of a user's own files count as its checks, so that they are always selected.
    pub const FIRST: Self = Self(0);

    /// The release that this build belongs to.
    pub const NEWEST: Self = Self(NAMES.len() - 1);
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(NAMES[self.0])
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    /// Reads `0.1.0`, also with a `v` before it, as tags are written.
    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        let version = text.strip_prefix('v').unwrap_or(text);
        let position = NAMES.iter().position(|name| *name == version);
        position.map(Self).ok_or_else(|| UnknownRelease { typed: text.to_owned() })
    }
}

/// The releases that brought the checks of published releases, by id.
pub(crate) fn published() -> BTreeMap<&'static str, Release> {
    let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('\t')).filter_map(|(id, name)| Some((id, name.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn the_newest_release_is_this_one() {
        assert_eq!(Release::NEWEST.to_string(), env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn every_line_names_a_release_that_is_published() {
        for line in PUBLISHED.lines().filter(|line| !line.starts_with('#')) {
            let release = line.split_once('\t').map(|(_, name)| name.parse::<Release>());
            assert!(release.is_some_and(|release| release.is_ok_and(|release| release < Release::NEWEST)), "{line:?}");
        }
        let count = PUBLISHED.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(published().len(), count, "since.tsv has an id twice");
    }

    #[test]
    fn every_published_release_has_its_checks() {
        let published = published();
        for release in (0..NAMES.len() - 1).map(Release) {
            let new: Vec<String> = Catalogue::built_in()
                .unwrap()
                .checks()
                .iter()
                .filter(|check| check.since == Release::NEWEST)
                .map(|check| format!("{}\t{release}\n", check.id))
                .collect();
            let is_listed = published.values().any(|listed| *listed == release);
            assert!(is_listed, "suites/since.tsv has no check of {release}; add these lines:\n{}", new.concat());
        }
    }

    #[test]
    fn a_version_is_read_with_and_without_its_letter() {
        assert_eq!("v0.1.0".parse(), Ok(Release::FIRST));
        assert!(Release::NEWEST > "0.1.0".parse().unwrap());
        for text in ["", "0.1", "9.9.9", "vv0.1.0"] {
            let error = text.parse::<Release>().unwrap_err().to_string();
            assert!(error.contains("it knows 0.1.0, 0.2.0"), "{error}");
        }
    }
}
