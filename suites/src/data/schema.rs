//! The format of suite files. Every table refuses words that it does not know, so that a typo is an error at its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::check::{Level, Shape};
use crate::expect::Expect;
use crate::limits::LimitName;
use crate::server::ServerRange;

/// A suite file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteFile {
    /// The suite's name: the part of each id before the slash.
    pub(super) suite: Spanned<String>,
    /// The checks.
    #[serde(default)]
    pub(super) check: Vec<Spanned<CheckEntry>>,
}

/// A check, or with `each` several of them.
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
    pub(super) steps: Spanned<Vec<Spanned<StepEntry>>>,
}

fn one_primary() -> Shape {
    Shape::new(1, 0)
}

fn key_name() -> String {
    "key".to_owned()
}

/// The protocol of a check's connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProtocolName {
    /// RESP2.
    #[default]
    Resp2,
    /// RESP3, by HELLO 3.
    Resp3,
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

/// What other servers answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DialectEntry {
    pub(super) servers: Vec<ServerRange>,
    pub(super) expect: Spanned<Expect>,
}

/// A command: one line as typed after redis-cli, or a list of arguments.
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

/// The node, or the nodes, that a step speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// The primary that owns the key's slot.
    Owner,
    /// Another primary, which owns `{key-other-node}`.
    NonOwner,
    /// A replica of the owner.
    Replica,
    /// A replica of the other primary.
    ReplicaOfNonOwner,
    /// Each node in turn.
    EveryNode,
    /// Each primary in turn.
    EveryPrimary,
    /// Each replica in turn.
    EveryReplica,
}

/// A check's steps, read and checked; names are filled when it runs.
#[derive(Debug, Clone)]
pub struct DataBody {
    pub(super) key: String,
    pub(super) protocol: ProtocolName,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One step: what to send where, and what should come back.
#[derive(Debug, Clone)]
pub struct Step {
    /// The line of the suite file, counted from 1.
    pub line: u32,
    pub(super) to: To,
    pub(super) on: String,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A command and its reply, alone or polled until a limit.
    Send { command: Vec<String>, expect: Expected, within: Option<LimitName> },
    /// Commands in one go and their replies in order.
    Pipeline { commands: Vec<Vec<String>>, expect: Vec<Expect> },
    /// Bytes as they are.
    Raw { bytes: Vec<u8>, expect: Expect },
}

/// What should come back, by server.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) usual: Expect,
    pub(super) dialects: Vec<(Vec<ServerRange>, Expect)>,
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { to, on, what, .. } = self;
        match what {
            What::Send { command, expect, within } => {
                write!(formatter, "send {} to {to}{}, expect {}", command.join(" "), connection(on), expect.usual)?;
                for (servers, expect) in &expect.dialects {
                    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
                    write!(formatter, " ({}: {expect})", servers.join(", "))?;
                }
                match within {
                    Some(limit) => write!(formatter, ", within the limit {limit:?}"),
                    None => Ok(()),
                }
            }
            What::Pipeline { commands, expect } => {
                let commands: Vec<String> = commands.iter().map(|command| command.join(" ")).collect();
                let expect: Vec<String> = expect.iter().map(ToString::to_string).collect();
                let (sent, expected) = (commands.join("; "), expect.join("; "));
                write!(formatter, "pipeline {sent} to {to}{}, expect {expected}", connection(on))
            }
            What::Raw { bytes, expect } => {
                write!(formatter, "send the bytes {} to {to}{}, expect {expect}", bytes.escape_ascii(), connection(on))
            }
        }
    }
}

fn connection(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" on connection {name}") }
}

impl std::fmt::Display for To {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Owner => "owner",
            Self::NonOwner => "non-owner",
            Self::Replica => "replica",
            Self::ReplicaOfNonOwner => "replica-of-non-owner",
            Self::EveryNode => "every-node",
            Self::EveryPrimary => "every-primary",
            Self::EveryReplica => "every-replica",
        })
    }
}
