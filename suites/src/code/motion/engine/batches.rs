//! SETSLOT and MIGRATE, many keys at a time.

use wire::{Node, Slot};

use super::kind::Engine;
use crate::cluster::Cluster;
use crate::outcome::Outcome;

/// SETSLOT at both ends, and MIGRATE with KEYS.
pub(in crate::code) const BATCHES: Engine = Engine {
    is_open_meanwhile: true,
    move_slots: |cluster, slots, source, target| Box::pin(move_slots(cluster, slots, source, target)),
};

async fn move_slots(cluster: &Cluster, slots: &[Slot], source: &Node, target: &Node) -> Outcome {
    for slot in slots {
        cluster.open_slot(*slot, source, target).await?;
        cluster.move_keys(*slot, source, target).await?;
        cluster.assign_slot(*slot, source, target).await?;
    }
    Ok(())
}
