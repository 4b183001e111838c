//! The values of the names in a suite file, from the hash function and the view of rct, never from a reply under test.

use std::cell::OnceCell;

use wire::{Node, Slot};

use super::steps::To;
use crate::cluster::Cluster;
use crate::outcome::{Outcome, Stop};

/// Every name that rct fills when a check runs.
pub(super) const NAMES: [&str; 16] = [
    "key",
    "key-same-slot",
    "key-same-node",
    "key-other-node",
    "slot",
    "slot-same-node",
    "slot-other-node",
    "owner",
    "owner-id",
    "non-owner",
    "non-owner-id",
    "replica",
    "replica-id",
    "prefix",
    "crlf",
    "self",
];

/// The nodes, slots and keys of one run of one check.
///
/// Each is drawn once, so that all steps mean the same.
pub(super) struct Names<'a> {
    cluster: &'a Cluster,
    key: &'a str,
    owner: Node,
    slot: Slot,
    same_node: OnceCell<Slot>,
    other: OnceCell<(Node, Slot)>,
    replica: OnceCell<Node>,
    other_replica: OnceCell<Node>,
}

impl<'a> Names<'a> {
    pub(super) fn draw(cluster: &'a Cluster, key: &'a str) -> Outcome<Self> {
        let owner = cluster.some_primary()?;
        let slot = cluster.slot_of(&owner)?;
        Ok(Self {
            cluster,
            key,
            owner,
            slot,
            same_node: OnceCell::new(),
            other: OnceCell::new(),
            replica: OnceCell::new(),
            other_replica: OnceCell::new(),
        })
    }

    /// The nodes that a step speaks to.
    pub(super) fn nodes(&self, to: To) -> Outcome<Vec<Node>> {
        let all = |replicas: bool| {
            self.visited().into_iter().filter(|node| node.primary.is_some() == replicas).collect::<Vec<_>>()
        };
        let nodes = match to {
            To::Owner => vec![self.owner.clone()],
            To::NonOwner => vec![self.other()?.0.clone()],
            To::Replica => vec![self.replica()?.clone()],
            To::ReplicaOfNonOwner => vec![self.other_replica()?.clone()],
            To::EveryNode => self.visited(),
            To::EveryPrimary => all(false),
            To::EveryReplica => all(true),
        };
        if nodes.is_empty() {
            return Err(Stop::skip(format!("the cluster has no node for `to = \"{to}\"`")));
        }
        Ok(nodes)
    }

    /// The nodes that stand for all, with those of the other names among them.
    fn visited(&self) -> Vec<Node> {
        let other = || self.other().ok().map(|(node, _)| node.clone());
        self.cluster.visited_around(|| [Some(self.owner.clone()), other()].into_iter().flatten().collect())
    }

    /// The value of a name for a step that speaks to `node`.
    pub(super) fn value(&self, name: &str, node: &Node) -> Outcome<String> {
        let keys = self.cluster.keys();
        Ok(match name {
            "key" => keys.named(self.slot, self.key),
            "key-same-slot" => keys.named(self.slot, &format!("{}-2", self.key)),
            "key-same-node" => keys.named(self.same_node()?, self.key),
            "key-other-node" => keys.named(self.other()?.1, self.key),
            "slot" => self.slot.to_string(),
            "slot-same-node" => self.same_node()?.to_string(),
            "slot-other-node" => self.other()?.1.to_string(),
            "owner" => self.named_by(node, &self.owner),
            "owner-id" => self.owner.id.to_string(),
            "non-owner" => self.named_by(node, &self.other()?.0),
            "non-owner-id" => self.other()?.0.id.to_string(),
            "replica" => self.named_by(node, self.replica()?),
            "replica-id" => self.replica()?.id.to_string(),
            "prefix" => keys.plain(),
            "crlf" => "\r\n".to_owned(),
            "self" => node.address.to_string(),
            unknown => return Err(Stop::broken(format!("rct does not know the name `{unknown}`"))),
        })
    }

    /// The address of a node and its relation to the slot of the check.
    pub(super) fn describe(&self, node: &Node) -> String {
        let slot = self.slot;
        let why = if node.id == self.owner.id {
            format!("owns slot {slot}")
        } else if node.primary.as_ref() == Some(&self.owner.id) {
            format!("replica of the owner of slot {slot}")
        } else if node.primary.is_some() {
            format!("replica in another shard than slot {slot}")
        } else {
            format!("does not own slot {slot}")
        };
        format!("{} ({why})", node.address)
    }

    /// The endpoint by which a node names another one.
    fn named_by(&self, node: &Node, named: &Node) -> String {
        self.cluster.live().endpoint_named_by(&node.address, named).to_string()
    }

    fn same_node(&self) -> Outcome<Slot> {
        once(&self.same_node, || {
            let slots: Vec<Slot> = self.cluster.slots_of(&self.owner).into_iter().filter(|s| *s != self.slot).collect();
            self.cluster.pick(slots).ok_or_else(|| Stop::skip("the check needs a primary with two slots"))
        })
        .copied()
    }

    fn other(&self) -> Outcome<&(Node, Slot)> {
        once(&self.other, || {
            let node = self.cluster.non_owner(self.slot)?;
            let slot = self.cluster.slot_of(&node)?;
            Ok((node, slot))
        })
    }

    fn replica(&self) -> Outcome<&Node> {
        once(&self.replica, || self.cluster.replica_of(&self.owner))
    }

    fn other_replica(&self) -> Outcome<&Node> {
        once(&self.other_replica, || self.cluster.replica_of(&self.other()?.0))
    }
}

fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Outcome<T>) -> Outcome<&T> {
    if cell.get().is_none() {
        let value = make()?;
        return Ok(cell.get_or_init(|| value));
    }
    cell.get().ok_or_else(|| Stop::broken("rct could not choose a value for a name"))
}
