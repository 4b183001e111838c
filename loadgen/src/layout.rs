//! The layout of a cluster: which node serves which slot, as the cluster itself says.

use std::collections::HashMap;

use wire::{Address, NodeId, SLOT_COUNT, Slot, SlotsEntry};

/// The owner of a slot that no node serves.
const NOBODY: u16 = u16::MAX;
/// The most nodes of a layout. It leaves out further nodes.
pub const NODES_MAX: usize = 2_000;

/// A node of a layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayoutNode {
    /// The address to connect to.
    pub address: Address,
    /// Its id, if the cluster sent it.
    pub id: Option<NodeId>,
    /// The number of the primary that it replicates; `None` for a primary.
    pub primary: Option<usize>,
}

/// A cluster, as one of its nodes describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The nodes that serve slots, and their replicas.
    pub nodes: Vec<LayoutNode>,
    /// The number of the primary of each slot.
    owners: Vec<u16>,
}

impl Layout {
    /// Makes a layout of nodes that serve no slot yet.
    #[must_use]
    pub fn of_nodes(addresses: &[Address]) -> Self {
        let node = |address: &Address| LayoutNode { address: address.clone(), id: None, primary: None };
        Self {
            nodes: addresses.iter().take(NODES_MAX).map(node).collect(),
            owners: vec![NOBODY; usize::from(SLOT_COUNT)],
        }
    }

    /// Makes the layout of a server without cluster support, which serves every slot.
    #[must_use]
    pub fn standalone(address: &Address) -> Self {
        Self { owners: vec![0; usize::from(SLOT_COUNT)], ..Self::of_nodes(std::slice::from_ref(address)) }
    }

    /// Makes a layout from the reply of the node at `dialled` to CLUSTER SLOTS. `reachable` maps announced addresses.
    #[must_use]
    pub fn of_slots(entries: &[SlotsEntry], dialled: &Address, reachable: impl Fn(Address) -> Address) -> Self {
        let mut layout = Self::of_nodes(&[]);
        let mut known = HashMap::new();
        for entry in entries {
            let mut primary = None;
            for node in &entry.nodes {
                let host = match node.endpoint.as_deref() {
                    None | Some("" | "?") => dialled.host.clone(),
                    Some(host) => host.to_owned(),
                };
                let address = reachable(Address::new(host, node.port));
                let count = layout.nodes.len();
                let at = *known.entry(address.clone()).or_insert(count);
                if at == count {
                    if count == NODES_MAX {
                        continue;
                    }
                    layout.nodes.push(LayoutNode { address, id: node.id, primary });
                }
                primary.get_or_insert(at);
            }
            for slot in entry.range.slots() {
                layout.owners[usize::from(slot.number())] = primary.map_or(NOBODY, |at| at as u16);
            }
        }
        layout
    }

    /// How many nodes get operations: the primaries, and with `with_replicas` also the replicas.
    #[must_use]
    pub fn used_nodes(&self, with_replicas: bool) -> usize {
        self.nodes.iter().filter(|node| with_replicas || node.primary.is_none()).count()
    }

    /// How many ranges of slots there are, each with one owner or none.
    pub(crate) fn ranges(&self) -> u32 {
        self.owners.chunk_by(|one, other| one == other).count() as u32
    }

    /// The number of the primary that serves the slot.
    #[must_use]
    pub fn owner(&self, slot: Slot) -> Option<usize> {
        Some(self.owners[usize::from(slot.number())]).filter(|&at| at != NOBODY).map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{SlotRange, SlotsNode};

    #[test]
    fn entries_become_owners_and_replicas() {
        let node = |endpoint: Option<&str>, port| SlotsNode {
            endpoint: endpoint.map(str::to_owned),
            port,
            id: None,
            metadata: Vec::new(),
        };
        let range = |start, end| SlotRange::new(Slot::new(start).unwrap(), Slot::new(end).unwrap()).unwrap();
        let entries = [
            SlotsEntry { range: range(0, 9), nodes: vec![node(None, 1), node(Some("b"), 2)] },
            SlotsEntry { range: range(20, 29), nodes: vec![node(Some("c"), 3)] },
            SlotsEntry { range: range(40, 49), nodes: vec![node(Some("?"), 1)] },
        ];
        let reachable = |address| if address == Address::new("c", 3) { Address::new("here", 33) } else { address };
        let layout = Layout::of_slots(&entries, &Address::new("dialled", 9), reachable);
        let addresses: Vec<String> = layout.nodes.iter().map(|node| node.address.to_string()).collect();
        assert_eq!(addresses, ["dialled:1", "b:2", "here:33"]);
        assert_eq!(layout.nodes[1].primary, Some(0));
        let owner = |layout: &Layout, number| layout.owner(Slot::new(number).unwrap());
        let alone = Layout::standalone(&Address::new("alone", 1));
        assert_eq!([0, 16_383].map(|number| owner(&alone, number)), [Some(0), Some(0)]);
        assert_eq!((alone.ranges(), layout.ranges()), (1, 6));
        assert_eq!([0, 15, 25, 45].map(|number| owner(&layout, number)), [Some(0), None, Some(2), Some(0)]);
    }
}
