//! Mistakes in suite files, each with its file, line and column.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// A mistake in a suite file, with file, line and column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct SuiteFileError {
    file: String,
    line: u32,
    column: u32,
    excerpt: String,
    message: String,
}

impl fmt::Display for SuiteFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, excerpt, message } = self;
        let mark = " ".repeat(column.saturating_sub(1) as usize);
        let gutter = " ".repeat(line.to_string().len());
        write!(formatter, "{file}:{line}:{column}: {message}\n  {line} | {excerpt}\n  {gutter} | {mark}^")
    }
}

/// A suite file, for mistakes that name their place in it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Place<'_> {
    /// The line at an offset in bytes; lines count from 1.
    pub(super) fn line_of(&self, offset: usize) -> u32 {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() as u32 + 1
    }

    /// A mistake that the TOML reader found.
    pub(super) fn toml_error(&self, error: &toml::de::Error) -> SuiteFileError {
        self.error(error.span().unwrap_or(0..0), error.message().trim_end().replace('\n', ", "))
    }

    /// A mistake at a range of bytes of the file.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> SuiteFileError {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let from = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        SuiteFileError {
            file: self.file.display().to_string(),
            line: self.line_of(start),
            column: self.text[from..start].chars().count() as u32 + 1,
            excerpt: self.text[from..].lines().next().unwrap_or_default().chars().take(160).collect(),
            message: message.into(),
        }
    }
}

/// The mistakes found so far.
#[derive(Default)]
pub(super) struct Mistakes(RefCell<Vec<SuiteFileError>>);

impl Mistakes {
    pub(super) fn add(&self, mistake: SuiteFileError) {
        self.0.borrow_mut().push(mistake);
    }

    /// Returns the value, or adds the mistake and returns nothing.
    pub(super) fn note<T>(&self, result: Result<T, SuiteFileError>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake)).ok()
    }

    /// Returns all values, or adds every mistake and returns nothing.
    pub(super) fn note_all<T>(&self, results: impl Iterator<Item = Result<T, SuiteFileError>>) -> Option<Vec<T>> {
        let values: Vec<Option<T>> = results.map(|result| self.note(result)).collect();
        values.into_iter().collect()
    }

    /// The mistakes in the order of the file, each once even if every row of `each` repeats it.
    pub(super) fn sorted(&self) -> Vec<SuiteFileError> {
        let mut mistakes = self.0.take();
        mistakes.sort();
        mistakes.dedup();
        mistakes
    }
}
