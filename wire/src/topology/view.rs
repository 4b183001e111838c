//! One node's view of the whole cluster.

use std::fmt::Write;

use crate::slot::{SLOT_COUNT, Slot};

use super::node::{Node, NodeId, Role, SlotRange};

/// The cluster as one node sees it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Topology {
    /// The nodes in the order of the reply.
    pub nodes: Vec<Node>,
}

impl Topology {
    /// The node that serves the slot; the first of several.
    #[must_use]
    pub fn owner(&self, slot: Slot) -> Option<&Node> {
        self.nodes.iter().find(|node| node.slots.iter().any(|range| range.contains(slot)))
    }

    /// The node with this id.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The node whose view this is.
    #[must_use]
    pub fn myself(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.is_myself())
    }

    /// The nodes that are flagged as primaries, with or without slots; not those amid a handshake.
    pub fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.has_flag("master") || node.has_flag("primary"))
    }

    /// The nodes that copy this primary.
    pub fn replicas_of(&self, primary: &NodeId) -> impl Iterator<Item = &Node> + use<'_> {
        let primary = *primary;
        self.nodes.iter().filter(move |node| node.role == Role::Replica && node.primary == Some(primary))
    }

    /// The owner of every slot by number, 16384 of them; the first of several.
    #[must_use]
    pub fn slot_owners(&self) -> Vec<Option<NodeId>> {
        let mut owners = vec![None; usize::from(SLOT_COUNT)];
        for node in &self.nodes {
            for slot in node.slots.iter().flat_map(SlotRange::slots) {
                owners[usize::from(slot.number())].get_or_insert(node.id);
            }
        }
        owners
    }

    /// A text that is equal for two views that agree on who is who and who serves what.
    ///
    /// It leaves out what differs by viewer or by the moment: addresses, flags, times, epochs, links and open slots.
    #[must_use]
    pub fn signature(&self) -> String {
        let mut nodes: Vec<&Node> = self.nodes.iter().collect();
        nodes.sort_by_key(|node| node.id);
        let mut signature = String::new();
        for node in nodes {
            let primary = node.primary.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let slots: Vec<String> = merged(&node.slots).iter().map(SlotRange::to_string).collect();
            // Writing to a string does not fail.
            let _written = writeln!(signature, "{} {} {primary} {}", node.id, node.role, slots.join(","));
        }
        signature
    }
}

/// The ranges in order, those that touch or overlap made one.
fn merged(ranges: &[SlotRange]) -> Vec<SlotRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort();
    let mut merged: Vec<SlotRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start.number() <= last.end.number() + 1 => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
