//! A fault or change during a load run: what rct did to the cluster, when, and what the nodes saw of it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of a load run. Instants are seconds from the start of the load, its warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRecord {
    /// Its number, from 1, in the order of the planned instants.
    pub number: usize,
    /// The event as it can be typed after `--fault`.
    pub fault: String,
    /// What rct does, with the nodes that the user or the seed selected, such as `kill 127.0.0.1:7001`.
    pub action: String,
    /// The addresses of these nodes, as the cluster announces them.
    pub nodes: Vec<String>,
    /// The numbers of the shards that the event affects, from 1.
    pub shards: Vec<usize>,
    /// When it was planned.
    pub planned_s: f64,
    /// When rct began; null if the run ended before.
    pub began_s: Option<f64>,
    /// When it was done; null if it was not done before the end of the load.
    pub ended_s: Option<f64>,
    /// Why it did not have its effect, if so.
    pub problem: Option<String>,
    /// What the nodes showed in CLUSTER NODES from its beginning to the next event, in the order in which it came.
    pub seen: Vec<Sighting>,
}

/// Something that a node showed for the first time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sighting {
    /// When, in seconds from the start of the load. rct asks every 20 ms.
    pub at_s: f64,
    /// What it showed.
    pub state: Seen,
    /// The address of the node in that state; none for an agreement of all nodes.
    pub node: Option<String>,
    /// The address of the first node that showed it; none for an agreement of all nodes.
    pub by: Option<String>,
}

/// What is new about an event.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultNews {
    /// rct begins it.
    Began,
    /// Nodes showed something for the first time.
    Seen(Sighting),
    /// It is done, or rct could not do it.
    Ended,
}

/// A state that nodes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// A node suspects that a node has failed (`fail?`).
    Suspected,
    /// A majority agrees that it has failed (`fail`).
    Failed,
    /// A node took over slots of an affected shard.
    Promoted,
    /// All nodes that answer have the same view of nodes, roles and slots again.
    Agreed,
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Suspected => "suspected",
            Self::Failed => "failed",
            Self::Promoted => "promoted",
            Self::Agreed => "agreed",
        })
    }
}
