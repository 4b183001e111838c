//! The view that one node has of the whole cluster.

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
    /// The node that serves the slot; the first one if several claim it.
    #[must_use]
    pub fn owner(&self, slot: Slot) -> Option<&Node> {
        self.nodes.iter().find(|node| node.slots.iter().any(|range| range.contains(slot)))
    }

    /// The node with this id.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The node that gave this view.
    #[must_use]
    pub fn myself(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.is_myself())
    }

    /// The nodes with the flag of a primary, with or without slots. Nodes in a handshake do not have it.
    pub fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.has_flag("master") || node.has_flag("primary"))
    }

    /// The replicas of this primary.
    pub fn replicas_of(&self, primary: &NodeId) -> impl Iterator<Item = &Node> + use<'_> {
        let primary = *primary;
        self.nodes.iter().filter(move |node| node.role == Role::Replica && node.primary == Some(primary))
    }

    /// The owners of all 16384 slots, by slot number; the first one if several claim a slot.
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

    /// A text that is equal for two views with the same nodes, roles, primaries and slots.
    ///
    /// It leaves out what differs between viewers or changes often: addresses, flags, times, epochs, links and open
    /// slots.
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

/// The ranges in order. Ranges that touch or overlap become one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::parse_nodes;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    fn topology(lines: &[&str]) -> Topology {
        let text = lines.join("\n").replace("{A}", A).replace("{B}", B).replace("{C}", C);
        parse_nodes(&text).unwrap()
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn nodes_are_found_by_slot_id_and_role() {
        let topology = topology(&[
            "{A} h:1@2 master - 0 0 1 connected 0-99 200",
            "{B} h:2@3 myself,slave {A} 0 0 1 connected",
            "{C} h:3@4 handshake - 0 0 0 disconnected",
        ]);
        let [a, b, c] = [A, B, C].map(|id| id.parse::<NodeId>().unwrap());
        assert_eq!(topology.owner(slot(99)).map(|node| node.id), Some(a));
        assert_eq!(topology.owner(slot(100)), None);
        assert_eq!(topology.node(&c).map(|node| node.address.port), Some(3));
        assert_eq!(topology.myself().map(|node| node.id), Some(b));
        assert_eq!(topology.primaries().map(|node| node.id).collect::<Vec<_>>(), [a]);
        assert_eq!(topology.replicas_of(&a).map(|node| node.id).collect::<Vec<_>>(), [b]);
        assert_eq!(topology.replicas_of(&b).count(), 0);
        let owners = topology.slot_owners();
        assert_eq!(owners.len(), 16_384);
        assert_eq!((owners[0], owners[99], owners[100], owners[200]), (Some(a), Some(a), None, Some(a)));
    }

    #[test]
    fn a_signature_has_nodes_roles_and_slots_and_nothing_that_changes_often() {
        let one = topology(&[
            "{A} h:1@2 myself,master - 0 5 1 connected 0-99 100-200",
            "{B} h:2@3 slave {A} 7 0 1 connected",
        ]);
        let other = topology(&[
            "{B} h:2@3 myself,slave {A} 0 0 2 connected",
            "{A} other:1@2 master,fail? - 1 9 3 disconnected 0-200 [5->-{B}]",
        ]);
        assert_eq!(one.signature(), other.signature());
        assert_eq!(one.signature(), format!("{A} primary - 0-200\n{B} replica {A} \n"));
        for different in [
            &["{A} h:1@2 master - 0 0 1 connected 0-199", "{B} h:2@3 slave {A} 0 0 1 connected"][..],
            &["{A} h:1@2 master - 0 0 1 connected 0-200", "{B} h:2@3 slave {C} 0 0 1 connected"],
            &["{A} h:1@2 master - 0 0 1 connected 0-200", "{B} h:2@3 master - 0 0 1 connected"],
            &["{A} h:1@2 master - 0 0 1 connected 0-200"],
        ] {
            assert_ne!(topology(different).signature(), one.signature(), "{different:?}");
        }
    }
}
