//! The format of suite files, as serde reads it; `docs/suite-format.md` describes it.
//!
//! Every table refuses unknown words, so that a typing mistake is an error at its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::steps::{ProtocolName, To};
use crate::expect::Expect;
use crate::level::Level;
use crate::limits::LimitName;
use crate::server::ServerRange;
use crate::shape::Shape;

/// A suite file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteFile {
    /// The name of the suite: the part of each id before the slash.
    pub(super) suite: Spanned<String>,
    /// The checks. Each is read separately as a [`CheckEntry`], so that a mistake in one does not hide another.
    #[serde(default)]
    #[expect(dead_code, reason = "the field makes `check` a known word")]
    pub(super) check: Vec<IgnoredAny>,
}

/// A check, or with `each` several checks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CheckEntry {
    pub(super) id: Spanned<String>,
    pub(super) title: Spanned<String>,
    pub(super) level: Level,
    pub(super) spec: String,
    #[serde(default)]
    pub(super) covers: Vec<Spanned<String>>,
    #[serde(default = "one_primary")]
    pub(super) shape: Shape,
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) servers: Vec<ServerRange>,
    #[serde(default = "key_name")]
    pub(super) key: String,
    #[serde(default)]
    pub(super) protocol: ProtocolName,
    #[serde(default)]
    pub(super) each: Vec<Spanned<BTreeMap<String, String>>>,
    /// The steps; each is read separately as a [`StepEntry`].
    pub(super) steps: Spanned<Vec<IgnoredAny>>,
}

fn one_primary() -> Shape {
    Shape::new(1, 0)
}

fn key_name() -> String {
    "key".to_owned()
}

/// A step as written: a table with one key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StepEntry {
    Send(SendEntry),
    Pipeline(PipelineEntry),
    Raw(RawEntry),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendEntry {
    pub(super) command: Spanned<CommandText>,
    pub(super) to: To,
    #[serde(default)]
    pub(super) on: String,
    pub(super) expect: Spanned<Expect>,
    #[serde(default)]
    pub(super) within: Option<LimitName>,
    #[serde(default)]
    pub(super) dialect: Vec<DialectEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PipelineEntry {
    pub(super) commands: Vec<Spanned<CommandText>>,
    pub(super) to: To,
    #[serde(default)]
    pub(super) on: String,
    pub(super) expect: Spanned<Vec<Spanned<Expect>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntry {
    pub(super) bytes: Spanned<String>,
    pub(super) to: To,
    #[serde(default)]
    pub(super) on: String,
    pub(super) expect: Spanned<Expect>,
}

/// What some other servers reply.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DialectEntry {
    pub(super) servers: Vec<ServerRange>,
    pub(super) expect: Spanned<Expect>,
}

/// A command: a line as it is typed after redis-cli, or a list of arguments.
#[derive(Debug, Clone)]
pub(super) enum CommandText {
    Line(String),
    Arguments(Vec<String>),
}

impl<'de> Deserialize<'de> for CommandText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = CommandText;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a command line, or an array of its arguments")
            }

            fn visit_str<E: serde::de::Error>(self, line: &str) -> Result<CommandText, E> {
                Ok(CommandText::Line(line.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<CommandText, A::Error> {
                let mut arguments = Vec::new();
                while let Some(argument) = items.next_element()? {
                    arguments.push(argument);
                }
                Ok(CommandText::Arguments(arguments))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
