//! What a reply holds: values inside values, and errors.
//!
//! The values are those of the `redis` crate.

use std::fmt;

use redis::Value;

use crate::escape;

const ERROR_CHARACTERS_SHOWN: usize = 300;

/// An error reply as the server sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorReply {
    /// The first word: what clients branch on.
    pub code: String,
    /// The whole line, first word included, without the leading `-`.
    pub text: String,
}

impl ErrorReply {
    /// Takes the first word off a line.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code: text.split(' ').next().unwrap_or_default().to_owned(), text }
    }

    /// What follows the first word and its space; empty without any.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, detail)| detail)
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::write_line(formatter, &self.text, ERROR_CHARACTERS_SHOWN)
    }
}

/// The value without its attributes.
pub(crate) fn plain(value: &Value) -> &Value {
    let mut value = value;
    while let Value::Attribute { data, .. } = value {
        value = data;
    }
    value
}

/// The bytes of a simple, bulk or verbatim string inside a reply.
#[must_use]
pub fn bytes_of(value: &Value) -> Option<&[u8]> {
    match plain(value) {
        Value::Okay => Some(b"OK"),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// The elements of an array, a set or a push inside a reply.
#[must_use]
pub fn items_of(value: &Value) -> Option<&[Value]> {
    match plain(value) {
        Value::Array(items) | Value::Set(items) | Value::Push { data: items, .. } => Some(items),
        _ => None,
    }
}

/// The error that an element of a reply is, as EXEC's array may hold; exactly as the server sent it.
#[must_use]
pub fn error_of(value: &Value) -> Option<ErrorReply> {
    let Value::ServerError(error) = plain(value) else { return None };
    // The crate splits a line at its first space, and names the codes that it knows by their own words.
    let text = match error.details() {
        Some(detail) => format!("{} {detail}", error.code()),
        None => error.code().to_owned(),
    };
    Some(ErrorReply { code: error.code().to_owned(), text })
}
