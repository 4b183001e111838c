//! A slot that a check moves, and the two nodes between which it moves.

use wire::{Node, Slot, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

/// A slot, the primary that owns it, and the primary to which it moves.
#[derive(Debug, Clone)]
pub(in crate::code) struct Route {
    pub(in crate::code) slot: Slot,
    pub(in crate::code) source: Node,
    pub(in crate::code) target: Node,
}

impl Route {
    /// Draws a slot, and another primary than its owner.
    pub(in crate::code) fn draw(cluster: &Cluster) -> Outcome<Self> {
        let source = cluster.some_primary()?;
        Self::from(cluster, &source)
    }

    /// Draws a slot of this primary, and another primary.
    pub(in crate::code) fn from(cluster: &Cluster, source: &Node) -> Outcome<Self> {
        let slot = cluster.slot_of(source)?;
        Ok(Self { slot, source: source.clone(), target: cluster.non_owner(slot)? })
    }

    /// Draws a slot and both ends, of which each has a replica.
    pub(in crate::code) fn with_replicas(cluster: &Cluster) -> Outcome<Self> {
        let route = Self::draw(cluster)?;
        cluster.replica_of(&route.source)?;
        cluster.replica_of(&route.target)?;
        Ok(route)
    }

    /// A key of the check in the slot.
    pub(in crate::code) fn key(&self, cluster: &Cluster, name: &str) -> String {
        cluster.keys().named(self.slot, name)
    }

    /// The same slot on its way back.
    pub(in crate::code) fn back(&self) -> Self {
        Self { slot: self.slot, source: self.target.clone(), target: self.source.clone() }
    }

    /// A primary at neither end.
    pub(in crate::code) fn third(&self, cluster: &Cluster) -> Outcome<Node> {
        let mut others = cluster.primaries();
        others.retain(|node| node.id != self.source.id && node.id != self.target.id);
        cluster.pick(others).ok_or_else(|| Stop::skip("the check needs a third primary with slots"))
    }

    /// Sends `CLUSTER SETSLOT slot ...` to a node, which must answer OK.
    pub(in crate::code) async fn setslot(&self, cluster: &Cluster, node: &Node, words: &[&str]) -> Outcome {
        let command = command!["CLUSTER", "SETSLOT", self.slot.to_string()];
        let command = words.iter().fold(command, |command, word| command.arg(word));
        cluster.expect(node, command, Expect::Ok).await.map(drop)
    }

    /// Requires that every node names this owner of the slot in CLUSTER NODES, CLUSTER SLOTS and CLUSTER SHARDS.
    pub(in crate::code) async fn is_owned_by(&self, cluster: &Cluster, owner: &Node) -> Outcome {
        let shards = cluster.has_shards().await?;
        for node in cluster.nodes() {
            let named = cluster.view_of(&node).await?.owner(self.slot).map(|owner| owner.id);
            self.names(owner, named, "CLUSTER NODES", &node)?;
            let entries = cluster.slots_view(&node).await?;
            let entry = entries.iter().find(|entry| entry.range.contains(self.slot));
            let named = entry.and_then(|entry| entry.nodes.first()).and_then(|node| node.id);
            self.names(owner, named, "CLUSTER SLOTS", &node)?;
            if shards {
                let shards = cluster.shards_view(&node).await?;
                let holder = shards.iter().find(|shard| shard.slots.iter().any(|range| range.contains(self.slot)));
                let nodes = holder.map(|shard| shard.nodes.as_slice()).unwrap_or_default();
                let named = nodes.iter().find(|node| node.role != "replica").map(|node| node.id);
                self.names(owner, named, "CLUSTER SHARDS", &node)?;
            }
        }
        Ok(())
    }

    fn names(&self, owner: &Node, named: Option<wire::NodeId>, view: &str, viewer: &Node) -> Outcome {
        ensure!(
            named == Some(owner.id),
            format!("{} as the owner of slot {} in {view} of {}", owner.id, self.slot, viewer.address),
            "{}",
            or(named, "no owner")
        );
        Ok(())
    }
}

/// Draws different slots of a primary.
pub(in crate::code) fn draw_slots(cluster: &Cluster, primary: &Node, count: usize) -> Outcome<Vec<Slot>> {
    let mut all = cluster.slots_of(primary);
    if all.len() < count {
        return Err(Stop::skip(format!("the check needs a primary with {count} slots")));
    }
    Ok((0..count).map(|_| all.swap_remove(cluster.random_below(all.len()))).collect())
}
