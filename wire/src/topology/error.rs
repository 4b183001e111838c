//! The error of all topology parsers.

/// A topology reply that does not have its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {command}, {place}{}{field}: {reason}", if field.is_empty() { "" } else { ", " })]
pub struct TopologyError {
    /// The command whose reply it is, as `CLUSTER NODES`.
    pub command: &'static str,
    /// Where in the reply: `line 3`, `entry 2`.
    pub place: String,
    /// The field, in the words of the command's documentation; empty where the whole place is meant.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl TopologyError {
    /// Says that something else was found than was expected.
    pub(super) fn expected(command: &'static str, place: &str, field: &str, expected: &str, found: &str) -> Self {
        let reason = format!("expected {expected}, found {found}");
        Self { command, place: place.to_owned(), field: field.to_owned(), reason }
    }
}
