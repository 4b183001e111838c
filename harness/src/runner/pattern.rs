//! Patterns over check ids: an id, a suite's name, or either with `*` for any text.

use std::collections::BTreeSet;
use std::fmt;

use suites::Check;

/// The most names that a message suggests.
const SUGGESTIONS: usize = 3;

/// How many more letters than in the nearest name may differ in a further one that is suggested.
const NEAR_ENOUGH: usize = 1;

/// A pattern as typed after `--run` and `--skip`, or written in a list of known deviations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Returns the pattern of a text; any text is a pattern.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns whether a check's id, or its suite's name, fits.
    pub fn fits(&self, id: &str) -> bool {
        let suite = id.split('/').next().unwrap_or(id);
        glob(self.0.as_bytes(), id.as_bytes()) || (!self.0.contains('/') && glob(self.0.as_bytes(), suite.as_bytes()))
    }

    /// Returns whether any of the checks fits.
    pub fn fits_any(&self, checks: &[Check]) -> bool {
        checks.iter().any(|check| self.fits(&check.id))
    }
}

/// Returns the names that a pattern may stand for: the suites, and the ids of the checks.
pub fn names_of(checks: &[Check]) -> impl Iterator<Item = &str> {
    let suites: BTreeSet<&str> = checks.iter().map(Check::suite).collect();
    suites.into_iter().chain(checks.iter().map(|check| check.id.as_str()))
}

/// Returns the question whether one of the names most like `typed` was meant, in brackets; empty if none is.
///
/// A name is like it if it contains what was typed, or if few letters differ.
pub fn hint<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> String {
    let plain = typed.trim_matches('*');
    let mut near: Vec<(usize, &str)> = names
        .map(|name| match !plain.is_empty() && name.contains(plain) {
            true => (0, name),
            false => (distance(typed, name), name),
        })
        .filter(|(distance, _)| *distance <= typed.len() / 2)
        .collect();
    near.sort();
    // Once the nearest name is a slip of the finger away, others would only distract.
    let limit = near.first().map_or(0, |(best, _)| best + NEAR_ENOUGH);
    near.retain(|(distance, _)| *distance <= limit);
    let names: Vec<&str> = near.into_iter().map(|(_, name)| name).take(SUGGESTIONS).collect();
    match &names[..] {
        [] => String::new(),
        [name] => format!(" (did you mean {name}?)"),
        [others @ .., last] => format!(" (did you mean {} or {last}?)", others.join(", ")),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Matches with `*` for any text; the time grows at most with the product of both lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, read));
            at += 1;
        } else if pattern.get(at) == Some(&text[read]) {
            at += 1;
            read += 1;
        } else if let Some((star_at, star_read)) = star {
            star = Some((star_at, star_read + 1));
            at = star_at + 1;
            read = star_read + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The number of single-letter edits between two texts.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, counterpart) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *counterpart);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_suites_and_stars() {
        for (pattern, id, fits) in [
            ("moved/format", "moved/format", true),
            ("moved", "moved/format", true),
            ("moved/*", "moved/format", true),
            ("*/format", "moved/format", true),
            ("mo*", "moved/format", true),
            ("moved/form", "moved/format", false),
            ("format", "moved/format", false),
            ("", "moved/format", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(id), fits, "{pattern} {id}");
        }
    }

    #[test]
    fn near_names_are_suggested() {
        let names = ["moved", "moved/format", "moved/form", "slots/count", "slots/every-slot"];
        for (typed, expected) in [
            ("mvoed", " (did you mean moved?)"),
            ("moved/fromat", " (did you mean moved/format?)"),
            ("every", " (did you mean slots/every-slot?)"),
            ("*slot*", " (did you mean slots/count or slots/every-slot?)"),
            ("nothing-like-it", ""),
            ("", ""),
        ] {
            assert_eq!(hint(typed, names.into_iter()), expected, "{typed}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("moved", "moved"), 0);
        assert_eq!(distance("mvoed", "moved"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}
