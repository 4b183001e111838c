//! The format of suite files, as serde reads it; `docs/suite-format.md` describes it.
//!
//! Every table refuses unknown words, so that a typing mistake is an error at its place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteFile {
    /// The name of the suite: the part of each id before the slash.
    #[schemars(with = "String")]
    pub(super) suite: Spanned<String>,
    /// The checks. Each is read separately as a [`CheckEntry`], so that a mistake in one does not hide another.
    #[serde(default)]
    #[expect(dead_code, reason = "the field makes `check` a known word")]
    #[schemars(with = "Vec<CheckEntry>")]
    pub(super) check: Vec<IgnoredAny>,
}

/// A check, or with `each` several checks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CheckEntry {
    /// The second part of the check's id, such as `moved-from-non-owner`.
    #[schemars(with = "String")]
    pub(super) id: Spanned<String>,
    /// The rule in one sentence.
    #[schemars(with = "String")]
    pub(super) title: Spanned<String>,
    /// How much depends on the rule.
    pub(super) level: Level,
    /// Where the rule is written: a heading of the cluster specification, or a command.
    pub(super) spec: String,
    /// The statements that the check proves.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) covers: Vec<Spanned<String>>,
    /// The smallest cluster on which the check can run.
    #[serde(default = "one_primary")]
    pub(super) shape: Shape,
    /// What the check does to the cluster, such as `kill-node`, or which command it sends.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) needs: Vec<Spanned<String>>,
    /// The servers that must keep the rule; all if empty.
    #[serde(default)]
    pub(super) servers: Vec<ServerRange>,
    /// The name of the key; its slot decides who the owner is.
    #[serde(default = "key_name")]
    pub(super) key: String,
    /// The protocol of all connections; without it, that of the run.
    #[serde(default)]
    pub(super) protocol: Option<ProtocolName>,
    /// Rows of values; each row makes a check of its own.
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, String>>")]
    pub(super) each: Vec<Spanned<BTreeMap<String, String>>>,
    /// The steps; each is read separately as a [`StepEntry`].
    #[schemars(with = "Vec<StepEntry>")]
    pub(super) steps: Spanned<Vec<IgnoredAny>>,
}

fn one_primary() -> Shape {
    Shape::new(1, 0)
}

fn key_name() -> String {
    "key".to_owned()
}

/// A step as written: a table with one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StepEntry {
    /// Sends one command and compares its reply.
    Send(SendEntry),
    /// Sends several commands at once and compares their replies.
    Pipeline(PipelineEntry),
    /// Sends bytes and compares the reply.
    Raw(RawEntry),
    /// Waits for a message to a subscriber and compares it.
    Receive(ReceiveEntry),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendEntry {
    /// The command, with names such as `{key}`.
    #[schemars(with = "CommandText")]
    pub(super) command: Spanned<CommandText>,
    /// The node or nodes that get it.
    pub(super) to: To,
    /// The name of the connection; steps with the same name share one.
    #[serde(default)]
    pub(super) on: String,
    /// The expected reply.
    #[schemars(with = "Expect")]
    pub(super) expect: Spanned<Expect>,
    /// Repeat the command until the reply is as expected, at most for this limit.
    #[serde(default)]
    pub(super) within: Option<LimitName>,
    /// What some other servers reply.
    #[serde(default)]
    pub(super) dialect: Vec<DialectEntry>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PipelineEntry {
    /// The commands, sent together.
    #[schemars(with = "Vec<CommandText>")]
    pub(super) commands: Vec<Spanned<CommandText>>,
    /// The node or nodes that get it.
    pub(super) to: To,
    /// The name of the connection; steps with the same name share one.
    #[serde(default)]
    pub(super) on: String,
    /// The expected replies, in order.
    #[schemars(with = "Vec<Expect>")]
    pub(super) expect: Spanned<Vec<Spanned<Expect>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntry {
    /// The bytes that are sent unchanged.
    #[schemars(with = "String")]
    pub(super) bytes: Spanned<String>,
    /// The node or nodes that get it.
    pub(super) to: To,
    /// The name of the connection; steps with the same name share one.
    #[serde(default)]
    pub(super) on: String,
    /// The expected reply.
    #[schemars(with = "Expect")]
    pub(super) expect: Spanned<Expect>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiveEntry {
    /// The node or nodes that send the message.
    pub(super) from: To,
    /// The name of the connection; steps with the same name share one.
    #[serde(default)]
    pub(super) on: String,
    /// The expected message.
    #[schemars(with = "Expect")]
    pub(super) expect: Spanned<Expect>,
}

/// What some other servers reply.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DialectEntry {
    /// These servers.
    pub(super) servers: Vec<ServerRange>,
    /// The expected reply.
    #[schemars(with = "Expect")]
    pub(super) expect: Spanned<Expect>,
}

/// A command: a line as it is typed after redis-cli, or a list of arguments.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
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
