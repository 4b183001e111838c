//! CLUSTER MIGRATESLOTS of Valkey: the servers move all slots in one step.

use wire::{Node, Slot};

use super::kind::Engine;
use crate::cluster::Cluster;
use crate::code::motion::job::{ended, migrate_slots};
use crate::ensure;
use crate::outcome::Outcome;

/// CLUSTER MIGRATESLOTS at the source.
pub(in crate::code) const ATOMIC: Engine = Engine {
    is_open_meanwhile: false,
    move_slots: |cluster, slots, source, target| Box::pin(move_slots(cluster, slots, source, target)),
};

async fn move_slots(cluster: &Cluster, slots: &[Slot], source: &Node, target: &Node) -> Outcome {
    let name = migrate_slots(cluster, slots, source, target).await?;
    let job = ended(cluster, source, &name).await?;
    ensure!(
        job.state == "success",
        format!("the job {name} to end in success in CLUSTER GETSLOTMIGRATIONS of {}", source.address),
        "{job}"
    );
    for slot in slots {
        cluster.owned(*slot, target).await?;
    }
    Ok(())
}
