//! Expectations of replies, for checks in TOML and in Rust.
//!
//! [`crate::until`] repeats an expectation until it is met.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use wire::{Node, Reply, Slot, Value, bytes_of, items_of};

use crate::outcome::{Mismatch, Outcome, Stop};

/// An expectation of a reply.
///
/// In a suite file: a word (`"ok"`, `"null"`) or a table with one key (`{ error = "MOVED {slot} {owner}" }`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expect {
    /// The status `OK`.
    Ok,
    /// The status `QUEUED`.
    Queued,
    /// A null of any type: bulk, array, or RESP3.
    Null,
    /// Any reply that is not an error.
    NoError,
    /// Any reply.
    Anything,
    /// An error that starts with these words; further words of the reply are ignored.
    Error(String),
    /// Exactly this integer.
    Integer(i64),
    /// This integer or a greater one.
    AtLeast(i64),
    /// A string, status or verbatim string with exactly this content.
    Text(String),
    /// A string that contains this text.
    Contains(String),
    /// An array of exactly these items, in this order.
    Items(Vec<Expect>),
    /// A message to a subscriber of exactly these items, of which the first is its kind: an array, or in RESP3 a push.
    Message(Vec<Expect>),
    /// An array of this length.
    Length(usize),
    /// A reply of this type.
    Kind(Kind),
    /// One of these expectations.
    AnyOf(Vec<Expect>),
}

/// A type of reply, over RESP2 and RESP3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An integer.
    Integer,
    /// A bulk, verbatim or simple string.
    Text,
    /// An array, set or push.
    Array,
    /// A map, or in RESP2 the flat array that represents it.
    Map,
    /// An error.
    Error,
}

impl Expect {
    /// Expects an error that starts with these words.
    pub fn error(words: impl Into<String>) -> Self {
        Self::Error(words.into())
    }

    /// Expects the redirect to the node that owns a slot: MOVED, the slot and the endpoint.
    #[must_use]
    pub fn moved(slot: Slot, owner: &Node) -> Self {
        Self::Error(format!("MOVED {slot} {}", owner.endpoint))
    }

    /// Expects exactly this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The same expectation, in which the words of each expected error are changed.
    #[must_use]
    pub fn with_errors(&self, change: &dyn Fn(&str) -> String) -> Self {
        let all = |list: &[Self]| list.iter().map(|expect| expect.with_errors(change)).collect();
        match self {
            Self::Error(words) => Self::Error(change(words)),
            Self::Items(list) => Self::Items(all(list)),
            Self::Message(list) => Self::Message(all(list)),
            Self::AnyOf(list) => Self::AnyOf(all(list)),
            other => other.clone(),
        }
    }

    /// Whether a reply meets the expectation.
    #[must_use]
    pub fn admits(&self, reply: &Reply) -> bool {
        match (self, reply.error()) {
            (Self::Anything | Self::Kind(Kind::Error), Some(_)) => true,
            (Self::Error(words), Some(error)) => starts_with_words(&error.text, words),
            (Self::AnyOf(list), Some(_)) => list.iter().any(|expect| expect.admits(reply)),
            (_, Some(_)) | (Self::Error(_), None) => false,
            (_, None) => self.admits_value(reply.value()),
        }
    }

    /// Requires that a reply meets the expectation; `to` names the node that sent it.
    ///
    /// # Errors
    /// A mismatch with the command, the node, the expectation and the reply.
    pub fn require(&self, reply: &Reply, sent: impl fmt::Display, to: impl FnOnce() -> String) -> Outcome {
        if self.admits(reply) {
            return Ok(());
        }
        Err(Stop::Mismatch(Box::new(Mismatch {
            sent: Some(sent.to_string()),
            to: Some(to()),
            expected: self.to_string(),
            received: reply.to_string(),
            ..Mismatch::default()
        })))
    }

    /// Whether a value inside a reply meets the expectation.
    #[must_use]
    pub fn admits_value(&self, value: &Value) -> bool {
        let error = wire::error_of(value);
        match self {
            Self::Anything => true,
            Self::AnyOf(list) => list.iter().any(|expect| expect.admits_value(value)),
            Self::Error(words) => error.is_some_and(|error| starts_with_words(&error.text, words)),
            Self::Kind(Kind::Error) => error.is_some(),
            _ if error.is_some() => false,
            Self::NoError => true,
            Self::Ok => matches!(value, Value::Okay) || text_of(value).as_deref() == Some("OK"),
            Self::Queued => text_of(value).as_deref() == Some("QUEUED"),
            Self::Null => matches!(value, Value::Nil),
            Self::Integer(number) => matches!(value, Value::Int(found) if found == number),
            Self::AtLeast(number) => matches!(value, Value::Int(found) if found >= number),
            Self::Text(text) => text_of(value).as_deref() == Some(text),
            Self::Contains(part) => text_of(value).is_some_and(|text| text.contains(part.as_str())),
            Self::Items(expected) => items_of(value).is_some_and(|items| all_admit(expected, items)),
            Self::Message(expected) => match value {
                Value::Push { kind, data } => expected.split_first().is_some_and(|(first, rest)| {
                    first.admits_value(&Value::SimpleString(kind.to_string())) && all_admit(rest, data)
                }),
                other => items_of(other).is_some_and(|items| all_admit(expected, items)),
            },
            Self::Length(length) => items_of(value).is_some_and(|items| items.len() == *length),
            Self::Kind(kind) => kind.admits(value),
        }
    }

    /// The same expectation after `fill` has replaced the names in every text by values.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn filled<E>(&self, fill: &mut impl FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        Ok(match self {
            Self::Error(text) => Self::Error(fill(text)?),
            Self::Text(text) => Self::Text(fill(text)?),
            Self::Contains(text) => Self::Contains(fill(text)?),
            Self::Items(list) => Self::Items(list.iter().map(|e| e.filled(fill)).collect::<Result<_, E>>()?),
            Self::Message(list) => Self::Message(list.iter().map(|e| e.filled(fill)).collect::<Result<_, E>>()?),
            Self::AnyOf(list) => Self::AnyOf(list.iter().map(|e| e.filled(fill)).collect::<Result<_, E>>()?),
            other => other.clone(),
        })
    }
}

impl Kind {
    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Integer => matches!(value, Value::Int(_)),
            Self::Text => text_of(value).is_some(),
            Self::Array => items_of(value).is_some(),
            Self::Map => {
                matches!(value, Value::Map(_)) || items_of(value).is_some_and(|items| items.len().is_multiple_of(2))
            }
            Self::Error => wire::error_of(value).is_some(),
        }
    }
}

/// Whether there are as many values as expectations, and each value meets its expectation.
fn all_admit(expected: &[Expect], values: &[Value]) -> bool {
    expected.len() == values.len() && expected.iter().zip(values).all(|(expect, value)| expect.admits_value(value))
}

/// The value of a field of a map, or of the flat array that represents it in RESP2.
#[must_use]
pub fn field_of<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let is_named = |key: &Value| bytes_of(key) == Some(name.as_bytes());
    match value {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value),
        flat => items_of(flat)?.chunks_exact(2).find(|pair| is_named(&pair[0])).map(|pair| &pair[1]),
    }
}

/// The content of a string of any type; bytes that are not UTF-8 are replaced.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    bytes_of(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Array => "array",
            Self::Map => "map",
            Self::Error => "error",
        })
    }
}

fn starts_with_words(text: &str, words: &str) -> bool {
    let mut found = text.split_whitespace();
    words.split_whitespace().all(|word| found.next() == Some(word))
}

impl fmt::Display for Expect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join =
            |list: &[Expect], between: &str| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(between);
        match self {
            Self::Ok => formatter.write_str("OK"),
            Self::Queued => formatter.write_str("QUEUED"),
            Self::Null => formatter.write_str("null"),
            Self::NoError => formatter.write_str("no error"),
            Self::Anything => formatter.write_str("any reply"),
            Self::Error(words) => write!(formatter, "error {words}"),
            Self::Integer(number) => write!(formatter, "(integer) {number}"),
            Self::AtLeast(number) => write!(formatter, "an integer of at least {number}"),
            Self::Text(text) => write!(formatter, "\"{}\"", text.escape_debug()),
            Self::Contains(part) => write!(formatter, "a text that contains \"{}\"", part.escape_debug()),
            Self::Items(list) => write!(formatter, "[{}]", join(list, ", ")),
            Self::Message(list) => write!(formatter, "the message [{}]", join(list, ", ")),
            Self::Length(length) => write!(formatter, "an array of length {length}"),
            Self::Kind(kind) => write!(formatter, "a reply of type {kind}"),
            Self::AnyOf(list) => formatter.write_str(&join(list, " or ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: &'static str) -> Reply {
        Reply::parse(bytes.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn only_the_words_that_are_named_are_compared() {
        let moved = reply("-MOVED 5081 127.0.0.1:7001\r\n");
        assert!(Expect::error("MOVED").admits(&moved));
        assert!(Expect::error("MOVED 5081 127.0.0.1:7001").admits(&moved));
        assert!(!Expect::error("MOVED 5081 127.0.0.1:700").admits(&moved));
        assert!(!Expect::error("MOVE").admits(&moved));
        assert!(!Expect::NoError.admits(&moved));
    }

    #[test]
    fn errors_inside_arrays_are_seen() {
        let exec = reply("*2\r\n+OK\r\n-WRONGTYPE not that\r\n");
        assert!(Expect::Items(vec![Expect::Ok, Expect::error("WRONGTYPE")]).admits(&exec));
        assert!(!Expect::Items(vec![Expect::Ok, Expect::NoError]).admits(&exec));
    }

    #[test]
    fn a_message_has_the_same_items_in_both_protocols() {
        let expect = Expect::Message(vec![Expect::text("message"), Expect::text("c"), Expect::text("m")]);
        for bytes in ["*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"]
        {
            assert!(expect.admits(&reply(bytes)), "{bytes:?}");
        }
        for bytes in ["*2\r\n$1\r\nc\r\n$1\r\nm\r\n", ">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"] {
            assert!(!expect.admits(&reply(bytes)), "{bytes:?}");
        }
    }

    #[test]
    fn a_status_is_not_a_null_and_not_an_integer() {
        for (bytes, expect) in [("+OK\r\n", Expect::Null), (":1\r\n", Expect::Ok), ("$-1\r\n", Expect::Ok)] {
            assert!(!expect.admits(&reply(bytes)), "{bytes:?} {expect}");
        }
        assert!(Expect::Null.admits(&reply("$-1\r\n")) && Expect::Null.admits(&reply("*-1\r\n")));
    }
}
