//! The steps of a check in TOML, ready to run except for the names that `names` fills.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use wire::Protocol;

use crate::expect::Expect;
use crate::limits::LimitName;
use crate::server::ServerRange;

/// The node or nodes to which a step sends, or from which it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
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
    /// Each node, one after the other.
    EveryNode,
    /// Each primary, one after the other.
    EveryPrimary,
    /// Each replica, one after the other.
    EveryReplica,
}

/// The body of a check in TOML.
#[derive(Debug, Clone)]
pub struct DataBody {
    pub(super) key: String,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One step: what to send to which node or receive from it, and the expected reply.
#[derive(Debug, Clone)]
pub struct Step {
    /// The line of the suite file; lines count from 1.
    pub line: u32,
    pub(super) to: To,
    pub(super) on: String,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// One command; with a limit, rct repeats it until the reply is as expected.
    Send { command: Vec<String>, expect: Expected, within: Option<LimitName> },
    /// Several commands at once, and their replies in order.
    Pipeline { commands: Vec<Vec<String>>, expect: Vec<Expect> },
    /// Bytes that are sent unchanged.
    Raw { bytes: Vec<u8>, expect: Expect },
    /// A message that the node sends by itself, as to a subscriber.
    Receive { expect: Expect },
}

/// The expected reply: the usual one, and those of some servers.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) usual: Expect,
    pub(super) dialects: Vec<(Vec<ServerRange>, Expect)>,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to, on, what, .. } = self;
        match what {
            What::Send { command, expect, within } => {
                write!(formatter, "send {} to {to}{}, expect {}", command.join(" "), connection(on), expect.usual)?;
                for (servers, expect) in &expect.dialects {
                    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
                    write!(formatter, " ({}: {expect})", servers.join(", "))?;
                }
                match within {
                    Some(limit) => write!(formatter, ", within the limit {limit}"),
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
            What::Receive { expect } => write!(formatter, "receive from {to}{}, expect {expect}", connection(on)),
        }
    }
}

fn connection(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" on connection {name}") }
}

impl fmt::Display for To {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// The protocol of a check's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProtocolName {
    /// RESP2.
    Resp2,
    /// RESP3, which rct starts with HELLO 3.
    Resp3,
}

impl ProtocolName {
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Resp2 => Protocol::Resp2,
            Self::Resp3 => Protocol::Resp3,
        }
    }
}
