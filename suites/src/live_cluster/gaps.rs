//! Slots that a primary gave up for a moment, and the nodes that still remember it.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Address, Command, Node, NodeId, Slot, Topology, command};

use super::LiveCluster;

/// The servers whose nodes remember it after the primary has claimed the slot again. redis/redis#12344 brought this,
/// and redis/redis#12564 ended it.
const REMEMBER: &str = "redis >=7.0 <7.2.2";

impl LiveCluster {
    /// Makes nodes forget that another node gave up slots with CLUSTER DELSLOTS; `added` are those that ADDSLOTS named
    /// since then, by node. Only slots that this node owns in its own view count.
    ///
    /// A node that remembers it, and owns such a slot later, after a failover or because the slot moved, believes the
    /// next message in which the old owner still claims the slot. It gives the slot back and deletes its keys, and
    /// nobody owns it as soon as the old owner knows of the change. A node forgets it when it learns the owner anew, so
    /// rct deletes the slot there. The next message of the owner brings it back; the caller waits until all nodes agree.
    ///
    /// A primary answers CLUSTERDOWN until then, so rct asks only the owner's replicas in a cluster given by address.
    /// If a node does not answer, rct deletes nothing.
    pub async fn forget_gaps(&self, added: &BTreeMap<Address, BTreeSet<Slot>>) {
        if added.is_empty() || !self.server.is(REMEMBER) {
            return;
        }
        let Ok(views) = self.own_views().await else { return };
        let held_by = |(node, view): &(Node, Topology)| {
            let is_owned = |slot: &Slot| view.owner(*slot).is_some_and(|owner| owner.id == node.id);
            let held: Vec<Slot> = added.get(&node.address)?.iter().copied().filter(is_owned).collect();
            Some((node.id, held))
        };
        let held: Vec<(NodeId, Vec<Slot>)> = views.iter().filter_map(held_by).collect();
        for (node, view) in &views {
            let primary = view.myself().and_then(|myself| myself.primary);
            let others = held.iter().filter(|(owner, _)| *owner != node.id);
            let asked = others.filter(|(owner, _)| primary == Some(*owner) || !self.findings.is_external);
            let known = asked.flat_map(|(owner, held)| {
                held.iter().filter(|slot| view.owner(**slot).is_some_and(|known| known.id == *owner))
            });
            let slots: Vec<&Slot> = known.collect();
            if !slots.is_empty() {
                let delete = command!["CLUSTER", "DELSLOTS"];
                let delete = slots.iter().fold(delete, |delete: Command, slot| delete.arg(slot.to_string()));
                // A node that refuses it keeps the slots in its view, as before.
                self.ask(node, &delete).await.ok();
            }
        }
    }
}
