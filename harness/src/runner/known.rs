//! Lists of known deviations: checks that are expected to fail on certain servers, each with a reason.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use suites::{Check, Server, ServerRange};

use crate::runner::pattern::Pattern;

/// The most bytes of a list.
const FILE_BYTES: u64 = 1 << 20;

/// The failures that a run expects.
#[derive(Debug, Clone, Default)]
pub struct Known {
    entries: Vec<Entry>,
}

/// One expected failure.
#[derive(Debug, Clone)]
pub struct Entry {
    pattern: Pattern,
    servers: Vec<ServerRange>,
    /// Why the check fails, in words.
    pub reason: String,
    /// Whether the check may also pass.
    pub flaky: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<toml::Spanned<FileEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    check: String,
    #[serde(default)]
    servers: Vec<ServerRange>,
    reason: String,
    #[serde(default)]
    flaky: bool,
}

/// Why rct cannot use a list.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// It cannot be read.
    #[error("cannot read the list of known deviations {path}: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It does not parse; the message has line and column.
    #[error("cannot read the list of known deviations {path}: {message}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// An entry fits no check.
    #[error("{path}:{line}: no check fits {pattern:?}; `rct list` shows all", path = path.display())]
    Unmatched {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The pattern.
        pattern: String,
    },
}

impl Known {
    /// Adds a list; every entry must fit at least one of `checks`.
    ///
    /// # Errors
    /// The first mistake.
    pub fn add_file(&mut self, path: &Path, checks: &[Check]) -> Result<(), KnownError> {
        let unreadable = |reason: String| KnownError::Unreadable { path: path.to_owned(), reason };
        let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if length > FILE_BYTES {
            return Err(unreadable(format!("it has {length} bytes, and a list has at most {FILE_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        self.add_text(path, &text, checks)
    }

    fn add_text(&mut self, path: &Path, text: &str, checks: &[Check]) -> Result<(), KnownError> {
        let malformed = |message: String| KnownError::Malformed { path: path.to_owned(), message };
        let file: File = toml::from_str(text).map_err(|error| malformed(error.to_string().trim_end().to_owned()))?;
        for entry in file.known {
            let line = text[..entry.span().start.min(text.len())].matches('\n').count() + 1;
            let FileEntry { check, servers, reason, flaky } = entry.into_inner();
            if reason.trim().is_empty() {
                return Err(malformed(format!(
                    "line {line}: the entry for {check:?} has no reason; say why the check fails"
                )));
            }
            let pattern = Pattern::new(&check);
            if !pattern.fits_any(checks) {
                return Err(KnownError::Unmatched { path: path.to_owned(), line, pattern: check });
            }
            self.entries.push(Entry { pattern, servers, reason, flaky });
        }
        Ok(())
    }

    /// Returns the entry that expects this check to fail on this server.
    pub fn find(&self, id: &str, server: &Server) -> Option<&Entry> {
        let applies = |entry: &&Entry| {
            entry.pattern.fits(id)
                && (entry.servers.is_empty() || entry.servers.iter().any(|range| range.contains(server)))
        };
        self.entries.iter().find(applies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(text: &str) -> Result<Known, String> {
        let mut known = Known::default();
        known
            .add_text(Path::new("k.toml"), text, &crate::runner::selection::tests::checks())
            .map_err(|error| error.to_string())?;
        Ok(known)
    }

    #[test]
    fn an_entry_applies_to_its_servers() {
        let known = add("[[known]]\ncheck = \"moved/*\"\nservers = [\"valkey >=9.0\"]\nreason = \"r\"\n").unwrap();
        let valkey = Server { product: suites::Product::Valkey, version: suites::Version(9, 1, 2) };
        let redis = Server { product: suites::Product::Redis, version: suites::Version(9, 1, 2) };
        assert!(known.find("moved/x", &valkey).is_some());
        assert!(known.find("moved/x", &redis).is_none());
        assert!(known.find("slots/x", &valkey).is_none());
    }

    #[test]
    fn an_entry_without_a_check_or_a_reason_is_refused() {
        let error = add("\n[[known]]\ncheck = \"nothing/here\"\nreason = \"r\"\n").unwrap_err();
        assert!(error.starts_with("k.toml:2: no check fits"), "{error}");
        assert!(add("[[known]]\ncheck = \"*\"\nreason = \" \"\n").unwrap_err().contains("no reason"));
        assert!(add("[[known]]\nchek = \"*\"\nreason = \"r\"\n").unwrap_err().contains("unknown field"));
    }
}
