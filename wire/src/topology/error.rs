//! The error that all topology parsers share.

/// A malformed reply of a topology command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {place} of {command}{}: {reason}", if field.is_empty() { String::new() } else { format!(" ({field})") })]
pub struct TopologyError {
    /// The command that the server replied to, such as `CLUSTER NODES`.
    pub command: &'static str,
    /// The place in the reply, such as `line 3` or `entry 2`; `the reply` for all of it.
    pub place: String,
    /// The field, as the command's documentation names it; empty if the whole place is malformed.
    pub field: String,
    /// What the parser expected and what it found.
    pub reason: String,
}

impl TopologyError {
    /// Makes the error from what the parser expected and what it found.
    pub(super) fn expected(command: &'static str, place: &str, field: &str, expected: &str, found: &str) -> Self {
        let reason = format!("expected {expected}, found {found}");
        Self { command, place: place.to_owned(), field: field.to_owned(), reason }
    }
}
