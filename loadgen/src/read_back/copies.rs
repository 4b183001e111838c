//! Which node has which copy of which slots.

use wire::{Address, SLOT_COUNT, Slot};

use crate::layout::Layout;

/// The keys of one shard on one node.
#[derive(Clone, Debug)]
pub(super) struct NodeCopy {
    /// The node.
    pub(super) address: Address,
    /// Whether the node is a replica, which serves reads after READONLY only.
    pub(super) is_replica: bool,
    /// By slot: whether the shard has it.
    slots: Vec<bool>,
}

impl NodeCopy {
    /// Whether the shard has a slot.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.slots[usize::from(slot.number())]
    }
}

/// The copies of all primaries.
pub(super) fn primaries(layout: &Layout) -> Vec<NodeCopy> {
    let is_primary = |number: &usize| layout.nodes[*number].primary.is_none();
    (0..layout.nodes.len()).filter(is_primary).map(|number| copy(layout, number, number)).collect()
}

/// The copies of all replicas.
pub(super) fn copies_of_replicas(layout: &Layout) -> Vec<NodeCopy> {
    let of = |(number, primary): (usize, Option<usize>)| primary.map(|primary| copy(layout, number, primary));
    layout.nodes.iter().map(|node| node.primary).enumerate().filter_map(of).collect()
}

fn copy(layout: &Layout, number: usize, primary: usize) -> NodeCopy {
    let mut slots = vec![false; usize::from(SLOT_COUNT)];
    Slot::all().zip(&mut slots).for_each(|(slot, is_there)| *is_there = layout.owner(slot) == Some(primary));
    NodeCopy { address: layout.nodes[number].address.clone(), is_replica: number != primary, slots }
}
