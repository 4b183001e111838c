//! The values inside a reply: how to read strings, elements and errors.
//!
//! A value is the `redis` crate's [`Value`].

use std::fmt;

use redis::Value;

use crate::escape;

const ERROR_CHARACTERS_SHOWN: usize = 300;

/// An error reply as the server sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorReply {
    /// The first word, by which clients decide what to do.
    pub code: String,
    /// The whole line with its first word, without the leading `-`.
    pub text: String,
}

impl ErrorReply {
    /// Makes an error from the line that the server sent.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code: text.split(' ').next().unwrap_or_default().to_owned(), text }
    }

    /// The text after the first word and its space; empty if the error has only one word.
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

/// The elements of an array, set or push inside a reply.
#[must_use]
pub fn items_of(value: &Value) -> Option<&[Value]> {
    match plain(value) {
        Value::Array(items) | Value::Set(items) | Value::Push { data: items, .. } => Some(items),
        _ => None,
    }
}

/// The error that an element of a reply is, exactly as the server sent it. The array of EXEC can hold errors.
#[must_use]
pub fn error_of(value: &Value) -> Option<ErrorReply> {
    let Value::ServerError(error) = plain(value) else { return None };
    // The crate splits a line at its first space. For codes that it knows, `code` still gives the server's word.
    let text = match error.details() {
        Some(detail) => format!("{} {detail}", error.code()),
        None => error.code().to_owned(),
    };
    Some(ErrorReply { code: error.code().to_owned(), text })
}
