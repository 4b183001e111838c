//! What a target found when it entered a cluster that belongs to somebody else.

use std::collections::BTreeMap;
use std::time::Duration;

use wire::{Address, Direction, Node, NodeId, OpenSlot};

use crate::endpoints::Endpoints;

/// What rct found when it entered a cluster; nothing for a cluster that rct formed itself.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Whether the cluster was there before rct, so that some of its nodes may be dead or half known.
    pub is_external: bool,
    /// Whether it is no cluster, but one server without cluster support. Only `rct load` and `rct up` take one.
    pub is_standalone: bool,
    /// The nodes that rct leaves out of its view.
    pub left_out: Vec<LeftOut>,
    /// The slots that somebody was moving, as each node shows them on its own line.
    pub open_slots: Vec<FoundOpenSlot>,
    /// By which kind of name a node sends clients to others, where that is not the kind of most nodes.
    pub endpoints: BTreeMap<Address, Endpoints>,
    /// How many replicas the primary with the most of them has; the shape counts those of the one with the fewest.
    pub replicas_at_most: Option<u16>,
    /// Settings by which the servers close connections, each as a clause.
    pub closing: Vec<Closing>,
    /// What each node calls its process (`run_id`), where it tells.
    pub run_ids: BTreeMap<Address, String>,
    /// How many keys the servers had evicted, in all.
    pub evicted_keys: u64,
    /// How many connections the node with the fewest left still takes, where the nodes tell.
    pub connections_left: Option<u64>,
    /// The nodes whose reply to CLUSTER NODES is of no use, so that no view is read from it.
    pub unreadable: Vec<NodeId>,
    /// Why rct could not tell whether a check that disturbs left everything as it was.
    pub cannot_restore: Option<String>,
    /// What the user should know before the first check.
    pub warnings: Vec<String>,
}

/// A setting by which a server closes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// `timeout`: idle connections, after this long.
    Idle(Duration),
    /// `client-output-buffer-limit`: connections of normal clients that read too slowly; the limits as set.
    OutputBuffer(String),
}

/// A node that rct leaves out of its view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id.
    pub id: NodeId,
    /// Its address, or its id where no address is known.
    pub node: String,
    /// Why, as `marked as fail`.
    pub reason: String,
}

/// A slot that a node migrates or imports on behalf of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOpenSlot {
    /// The node.
    pub node: NodeId,
    /// Its address.
    pub address: Address,
    /// The slot, the direction, and the node at the other end.
    pub open: OpenSlot,
    /// The address of the node at the other end, or its id where no address is known.
    pub peer: String,
}

impl FoundOpenSlot {
    /// What the node does with the slot, as a clause without the slot: `A migrates` and `to B`.
    #[must_use]
    pub fn words(&self) -> (String, String) {
        match self.open.direction {
            Direction::Migrating => (format!("{} migrates", self.address), format!("to {}", self.peer)),
            Direction::Importing => (format!("{} imports", self.address), format!("from {}", self.peer)),
        }
    }
}

impl Findings {
    /// Whether a line of CLUSTER NODES is about a node that rct leaves out: one that it left out at entry, or one with
    /// which no other node can speak yet.
    #[must_use]
    pub fn leaves_out(&self, node: &Node) -> bool {
        let is_unreachable = || ["noaddr", "handshake"].iter().any(|flag| node.has_flag(flag));
        self.is_external && (is_unreachable() || self.left_out.iter().any(|left_out| left_out.id == node.id))
    }
}
