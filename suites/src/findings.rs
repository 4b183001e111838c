//! What a target found when it entered a cluster that belongs to somebody else.

use std::collections::BTreeMap;

use wire::{Address, Node, NodeId};

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
    /// By which kind of name a node sends clients to others, where that is not the kind of most nodes.
    pub endpoints: BTreeMap<Address, Endpoints>,
    /// How many connections the node with the fewest left still takes, where the nodes tell.
    pub connections_left: Option<u64>,
    /// The nodes whose reply to CLUSTER NODES is of no use, so that no view is read from it.
    pub unreadable: Vec<NodeId>,
    /// Why rct could not tell whether a check that disturbs left everything as it was.
    pub cannot_restore: Option<String>,
    /// What the user should know before the first check.
    pub warnings: Vec<String>,
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

impl Findings {
    /// Whether a line of CLUSTER NODES is about a node that rct leaves out: one that it left out at entry, or one with
    /// which no other node can speak yet.
    #[must_use]
    pub fn leaves_out(&self, node: &Node) -> bool {
        let is_unreachable = || ["noaddr", "handshake"].iter().any(|flag| node.has_flag(flag));
        self.is_external && (is_unreachable() || self.left_out.iter().any(|left_out| left_out.id == node.id))
    }
}
