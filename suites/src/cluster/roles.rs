//! Nodes, roles and slots in the view of rct, and random choices among them.
//!
//! [`super::views`] reads what a node itself says of the cluster.

use std::rc::Rc;

use wire::{Node, Slot, Topology};

use super::Cluster;
use crate::control::NodeState;
use crate::outcome::{Outcome, Stop};

impl Cluster {
    /// The view of rct: nodes, roles and slots.
    #[must_use]
    pub fn topology(&self) -> Rc<Topology> {
        self.live.topology()
    }

    /// All usable nodes of the view.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.topology().nodes.iter().filter(|node| node.is_usable()).cloned().collect()
    }

    /// Whether a node runs and is connected to the others, as far as the target can see.
    ///
    /// The check itself may have killed or paused the node, or cut it off.
    #[must_use]
    pub fn runs(&self, node: &Node) -> bool {
        matches!(self.live.control.state(&node.address), NodeState::Running | NodeState::Unknown)
    }

    /// All usable nodes of the view that run.
    #[must_use]
    pub fn running(&self) -> Vec<Node> {
        self.nodes().into_iter().filter(|node| self.runs(node)).collect()
    }

    /// The usable primaries that own slots.
    #[must_use]
    pub fn primaries(&self) -> Vec<Node> {
        let mut primaries: Vec<Node> = self.topology().primaries().filter(|node| node.is_usable()).cloned().collect();
        primaries.retain(|node| !node.slots.is_empty());
        primaries
    }

    /// The usable replicas of a primary.
    #[must_use]
    pub fn replicas_of(&self, primary: &Node) -> Vec<Node> {
        self.topology().replicas_of(&primary.id).filter(|node| node.is_usable()).cloned().collect()
    }

    /// The primary that owns a slot.
    ///
    /// # Errors
    /// Broken, if the slot has no owner in the view; skip, if the running cluster had none for it from the start.
    pub fn owner(&self, slot: Slot) -> Outcome<Node> {
        self.topology().owner(slot).cloned().ok_or_else(|| match self.live.findings.is_external {
            true => Stop::skip(format!("no node serves slot {slot}")),
            false => Stop::broken(format!("slot {slot} has no owner")),
        })
    }

    /// A primary that does not own a slot.
    ///
    /// # Errors
    /// Skip, if there is no other primary.
    pub fn non_owner(&self, slot: Slot) -> Outcome<Node> {
        let owner = self.owner(slot)?.id;
        let others: Vec<Node> = self.primaries().into_iter().filter(|node| node.id != owner).collect();
        self.pick(others).ok_or_else(|| Stop::skip("the check needs a second primary with slots"))
    }

    /// A replica of a primary.
    ///
    /// # Errors
    /// Skip, if the primary has no replica.
    pub fn replica_of(&self, primary: &Node) -> Outcome<Node> {
        self.pick(self.replicas_of(primary))
            .ok_or_else(|| Stop::skip(format!("the check needs a replica of {}", primary.address)))
    }

    /// A random primary that owns slots.
    ///
    /// # Errors
    /// Broken, if the view has no such primary.
    pub fn some_primary(&self) -> Outcome<Node> {
        self.pick(self.primaries()).ok_or_else(|| Stop::broken("the cluster has no usable primary with slots"))
    }

    /// A random slot of a primary.
    ///
    /// # Errors
    /// Broken, if the primary has no slot.
    pub fn slot_of(&self, primary: &Node) -> Outcome<Slot> {
        let slots = self.slots_of(primary);
        self.pick(slots).ok_or_else(|| Stop::broken(format!("the primary {} has no slot", primary.address)))
    }

    /// Two different random slots of a primary.
    ///
    /// # Errors
    /// Skip, if the primary owns only one slot.
    pub fn two_slots_of(&self, primary: &Node) -> Outcome<(Slot, Slot)> {
        let first = self.slot_of(primary)?;
        let rest: Vec<Slot> = self.slots_of(primary).into_iter().filter(|slot| *slot != first).collect();
        let second = self.pick(rest).ok_or_else(|| Stop::skip("the check needs a primary with two slots"))?;
        Ok((first, second))
    }

    /// All slots of a primary, in order.
    #[must_use]
    pub fn slots_of(&self, primary: &Node) -> Vec<Slot> {
        let topology = self.topology();
        let ranges = topology.node(&primary.id).map(|node| node.slots.clone()).unwrap_or_default();
        ranges.iter().flat_map(|range| (range.start.number()..=range.end.number()).filter_map(Slot::new)).collect()
    }

    /// A random element, chosen with the seed of the check; nothing if there is none.
    pub fn pick<T>(&self, mut from: Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(self.random_below(from.len())))
    }
}
