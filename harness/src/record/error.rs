//! Why a report could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

/// A report that could not be written or read; the message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file or folder of the run could not be written.
    #[error("failed to write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output does not take what is written to it.
    #[error("failed to write to standard output: {0}")]
    Output(#[from] io::Error),
    /// The XML writer refused the JUnit report.
    #[error("failed to write the JUnit report: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// The run's file could not be read.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no record of a run.
    #[error("failed to read {} as the record of a run: {problem}", path.display())]
    NotARun {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with line and column where there are any.
        problem: String,
    },
    /// The file is of a version that this build does not know.
    #[error("failed to read {}: it has schema {found}, and this rct reads schema {known}; use the rct that wrote it", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// The schema that this build reads.
        known: u32,
    },
}

impl ReportError {
    /// Returns the error of a file or folder that could not be written.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}
