//! Slots that a primary gave up for a moment, and the nodes that still remember it.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Address, Command, Slot, command};

use super::LiveCluster;
use crate::control::NodeState;

/// The servers whose nodes remember it after the primary has claimed the slot again. redis/redis#12344 brought this,
/// and redis/redis#12564 ended it.
const REMEMBER: &str = "redis >=7.0 <7.2.2";

impl LiveCluster {
    /// Makes nodes forget that another node gave up slots with CLUSTER DELSLOTS; `added` are those that each primary has
    /// taken back.
    ///
    /// A node that remembers it, and owns such a slot later, after a failover or because the slot moved, believes the
    /// next message in which the old owner still claims the slot. It gives the slot back and deletes its keys, and
    /// nobody owns it as soon as the old owner knows of the change. A node forgets it when it learns the owner anew, so
    /// rct deletes the slot there. The next message of the owner brings it back; the caller waits until all nodes agree.
    /// Nodes that cannot be asked are left out.
    pub async fn forget_gaps(&self, added: &BTreeMap<Address, BTreeSet<Slot>>) {
        if added.is_empty() || !self.server.is(REMEMBER) {
            return;
        }
        for node in &self.topology().nodes {
            let (NodeState::Running | NodeState::Unknown) = self.control.state(&node.address) else { continue };
            let Ok(view) = self.view_of(node).await else { continue };
            let is_taken_back = |slot: &Slot| {
                let owner = view.owner(*slot).filter(|owner| owner.id != node.id);
                owner.and_then(|owner| added.get(&owner.address)).is_some_and(|slots| slots.contains(slot))
            };
            let slots: BTreeSet<Slot> = added.values().flatten().copied().filter(is_taken_back).collect();
            if !slots.is_empty() {
                let delete = command!["CLUSTER", "DELSLOTS"];
                let delete = slots.iter().fold(delete, |delete: Command, slot| delete.arg(slot.to_string()));
                // A node that refuses it keeps the slots in its view, as before.
                self.ask(node, &delete).await.ok();
            }
        }
    }
}
