//! Nodes, roles and slots in the view of rct, and random choices among them.
//!
//! [`super::views`] reads what a node itself says of the cluster.

use std::rc::Rc;

use wire::{Address, Node, Slot, Topology};

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

    /// The usable node that `asked` names to clients by this endpoint.
    #[must_use]
    pub fn node_named(&self, asked: &Address, endpoint: &Address) -> Option<Node> {
        self.nodes().into_iter().find(|node| self.live.endpoint_named_by(asked, node) == *endpoint)
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
    /// Broken, if the slot has no owner in the view; skip, if the running cluster had none for it from the start, or if
    /// somebody else is moving it.
    pub fn owner(&self, slot: Slot) -> Outcome<Node> {
        if self.is_open(slot) {
            return Err(Stop::skip(format!("somebody else is moving slot {slot}, so rct leaves it out")));
        }
        self.topology().owner(slot).cloned().ok_or_else(|| match self.live.findings.is_external {
            true => Stop::skip(format!("no node serves slot {slot}")),
            false => Stop::broken(format!("slot {slot} has no owner")),
        })
    }

    /// Whether somebody else is moving a slot, so that ASK is right for its keys.
    #[must_use]
    pub fn is_open(&self, slot: Slot) -> bool {
        self.live.is_open(slot)
    }

    /// A primary that does not own a slot.
    ///
    /// # Errors
    /// Skip, if there is no other primary.
    pub fn non_owner(&self, slot: Slot) -> Outcome<Node> {
        let owner = self.owner(slot)?.id;
        let mut others: Vec<Node> = self.primaries().into_iter().filter(|node| node.id != owner).collect();
        if others.iter().any(|node| !self.is_unvisited(node)) {
            others.retain(|node| !self.is_unvisited(node));
        }
        self.pick(self.preferred(others)).ok_or_else(|| Stop::skip("the check needs a second primary with slots"))
    }

    /// A replica of a primary.
    ///
    /// # Errors
    /// Skip, if the primary has no replica.
    pub fn replica_of(&self, primary: &Node) -> Outcome<Node> {
        self.pick(self.intact(self.replicas_of(primary)))
            .ok_or_else(|| Stop::skip(format!("the check needs a replica of {}", primary.address)))
    }

    /// A random primary that owns slots.
    ///
    /// # Errors
    /// Broken, if the view has no such primary.
    pub fn some_primary(&self) -> Outcome<Node> {
        self.pick(self.preferred(self.primaries()))
            .ok_or_else(|| Stop::broken("the cluster has no usable primary with slots"))
    }

    /// The primaries that suit the check best: those with as many replicas as it needs, without damage. All, if none does.
    pub(super) fn preferred(&self, primaries: Vec<Node>) -> Vec<Node> {
        let wanted = usize::from(self.replicas_wanted.get());
        let suit = primaries.iter().filter(|node| self.replicas_of(node).len() >= wanted).cloned().collect::<Vec<_>>();
        self.intact(if suit.is_empty() { primaries } else { suit })
    }

    /// The nodes on which no check has left damage; all, if there are none.
    fn intact(&self, nodes: Vec<Node>) -> Vec<Node> {
        let intact = nodes.iter().filter(|node| !self.live.is_damaged(node)).cloned().collect::<Vec<_>>();
        if intact.is_empty() { nodes } else { intact }
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

    /// The slots of a primary that nobody else is moving, in order.
    #[must_use]
    pub fn slots_of(&self, primary: &Node) -> Vec<Slot> {
        self.all_slots_of(primary).into_iter().filter(|slot| !self.is_open(*slot)).collect()
    }

    /// All slots of a primary, in order.
    #[must_use]
    pub fn all_slots_of(&self, primary: &Node) -> Vec<Slot> {
        let topology = self.topology();
        let ranges = topology.node(&primary.id).map(|node| node.slots.clone()).unwrap_or_default();
        ranges.iter().flat_map(|range| (range.start.number()..=range.end.number()).filter_map(Slot::new)).collect()
    }

    /// A random element, chosen with the seed of the check; nothing if there is none.
    pub fn pick<T>(&self, mut from: Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(self.random_below(from.len())))
    }
}
