//! Texts with names in braces, such as `GET {key}`. A double brace stands for a single one.

use std::fmt;

/// A text with names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with its braces, as a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let close = rest.find('}').filter(|_| brace == "{");
            let close = close.ok_or_else(|| {
                format!("the text {text:?} has a single `{brace}`; write `{brace}{brace}` for a brace")
            })?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Name(rest[..close].to_owned()));
            rest = &rest[close + 1..];
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// The text with every name replaced by the value that `lookup` gives.
    pub(super) fn fill<E>(&self, mut lookup: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Ok(text.clone()),
                Piece::Name(name) => lookup(name),
            })
            .collect()
    }

    /// The text with only those names replaced that `lookup` knows.
    pub(super) fn fill_some(&self, lookup: impl Fn(&str) -> Option<String>) -> String {
        let quote = |text: &str| text.replace('{', "{{").replace('}', "}}");
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => quote(text),
                Piece::Name(name) => lookup(name).unwrap_or_else(|| format!("{{{name}}}")),
            })
            .collect()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.fill_some(|_| None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_doubled_braces_stay() {
        let template = Template::parse("GET {key} {{tag}}").unwrap();
        assert_eq!(template.fill(|name| Ok::<_, ()>(format!("<{name}>"))), Ok("GET <key> {tag}".into()));
        assert_eq!(template.to_string(), "GET {key} {{tag}}");
    }

    #[test]
    fn lone_braces_are_refused() {
        for text in ["GET {key", "GET key}", "}{"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
