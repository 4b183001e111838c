//! The errors of an interval by first word, and the first text of each.

use std::collections::BTreeMap;

use crate::outcome::Outcome;

/// The most different first words of errors that are counted separately.
const CODES_MAX: usize = 64;
/// The most bytes of the text of an error that are kept.
const TEXT_BYTES_MAX: usize = 200;

/// Counts errors by first word.
#[derive(Default)]
pub(super) struct ProblemTexts {
    codes: BTreeMap<String, u64>,
    texts: BTreeMap<String, String>,
    /// The outcomes that have a text in this interval, as bits.
    seen: u16,
}

impl ProblemTexts {
    /// Counts the first word of an error, and keeps the first line that begins with it.
    pub(super) fn code(&mut self, code: &str, line: &str) {
        let code = if code.is_empty() { "(empty)" } else { code };
        let key = match self.codes.len() < CODES_MAX || self.codes.contains_key(code) {
            true => code.to_owned(),
            false => "(others)".to_owned(),
        };
        self.keep(&key, line);
        *self.codes.entry(key).or_default() += 1;
    }

    /// Keeps the first text of a class of problems that is not counted by first word. `key` names the class.
    #[inline]
    pub(super) fn text(&mut self, outcome: Outcome, key: &str, line: &str) {
        let bit = 1 << outcome as u16;
        if self.seen & bit == 0 {
            self.seen |= bit;
            self.keep(key, line);
        }
    }

    /// Takes the counts and the texts, by first word or class, and begins anew.
    pub(super) fn take(&mut self) -> (BTreeMap<String, u64>, BTreeMap<String, String>) {
        let Self { codes, texts, .. } = std::mem::take(self);
        (codes, texts)
    }

    fn keep(&mut self, key: &str, line: &str) {
        if !self.texts.contains_key(key) {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|&end| end >= line.len() || line.is_char_boundary(end));
            let text = line.get(..end.unwrap_or(0)).unwrap_or(line);
            self.texts.insert(key.to_owned(), text.trim_end().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_errors_are_bounded() {
        let mut problems = ProblemTexts::default();
        (0..1000)
            .for_each(|number| problems.code(&format!("E{number}"), &format!("E{number}: {}", "é".repeat(2 * number))));
        problems.code("E1", "E1 again");
        let (codes, texts) = problems.take();
        assert_eq!((texts["E1"].as_str(), texts["(others)"].len()), ("E1: éé", 199));
        assert!(codes.len() <= CODES_MAX + 1);
        assert_eq!((codes["E1"], codes["(others)"]), (2, 1000 - CODES_MAX as u64));
    }
}
