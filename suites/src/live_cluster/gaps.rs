//! Slots that a primary gave up for a moment, and the replicas that still remember it.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Address, Command, Slot, command};

use super::LiveCluster;
use crate::control::NodeState;

/// The servers whose nodes remember it after the primary has claimed the slot again. redis/redis#12344 brought this,
/// and redis/redis#12564 ended it.
const REMEMBER: &str = "redis >=7.0 <7.2.2";

impl LiveCluster {
    /// Makes replicas forget that their primary gave up slots with CLUSTER DELSLOTS; `added` are those that each primary
    /// has taken back.
    ///
    /// A replica that remembers it, and takes over, believes the next message in which its old primary claims the slots.
    /// It gives them back, deletes their keys, and nobody owns them as soon as the old primary has become a replica.
    /// A replica forgets it when it learns the owner of the slots anew, so rct deletes them there. The next message of
    /// the primary brings them back; the caller waits until all nodes agree. Replicas that cannot be asked are left out.
    pub async fn forget_gaps(&self, added: &BTreeMap<Address, BTreeSet<Slot>>) {
        if added.is_empty() || !self.server.is(REMEMBER) {
            return;
        }
        for node in &self.topology().nodes {
            let (NodeState::Running | NodeState::Unknown) = self.control.state(&node.address) else { continue };
            let Ok(view) = self.view_of(node).await else { continue };
            let primary = view.myself().and_then(|myself| view.node(&myself.primary?));
            let Some((primary, slots)) = primary.and_then(|node| Some((node, added.get(&node.address)?))) else {
                continue;
            };
            let owned = |slot: &&Slot| view.owner(**slot).is_some_and(|owner| owner.id == primary.id);
            let delete = slots.iter().filter(owned).map(Slot::to_string);
            let delete = delete.fold(command!["CLUSTER", "DELSLOTS"], |delete: Command, slot| delete.arg(slot));
            if delete.args().len() > 2 {
                // A replica that refuses it keeps the slots in its view, as before.
                self.ask(node, &delete).await.ok();
            }
        }
    }
}
