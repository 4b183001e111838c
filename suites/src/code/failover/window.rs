//! What clients see while a primary is dead and not yet replaced.

use wire::command;

use super::ledger::Policy;
use super::scene::Scene;
use super::watch::{agreed, answered, heir};
use super::writer::{CONNECTION, Writers};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/clients-see-no-wrong-value")
    .title("Clients see only CLUSTERDOWN, MOVED, TRYAGAIN, closed connections or right values during a failover")
    .must("availability")
    .covers(&["failover.client-visible-window"])
    .shape(3, 1)
    .needs(&[Need::KillNode])
    .body(|cluster| Box::pin(sees_no_wrong_value(cluster)))];

/// Writes that each client must have had acknowledged before the fault, and again after it.
const WRITES: u64 = 20;

async fn sees_no_wrong_value(cluster: &Cluster) -> Outcome {
    let scene = Scene::draw(cluster)?;
    let mut slots = vec![cluster.slot_of(&scene.primary)?, cluster.slot_of(&scene.primary)?];
    for primary in scene.other_primaries() {
        slots.push(cluster.slot_of(&primary)?);
    }
    let writers = Writers::new(cluster, &slots, Policy::ConfirmedSurvives);
    let heir = writers
        .during(async {
            writers.acknowledged(WRITES).await?;
            writers.confirm().await?;
            cluster.kill(&scene.primary).await?;
            let heir = heir(cluster, &scene.primary).await?;
            writers.acknowledged(WRITES).await?;
            Ok(heir)
        })
        .await?;
    cluster.measure("unavailable", writers.longest_stall());
    writers.saw_only(&["CLUSTERDOWN", "MOVED", "TRYAGAIN", CONNECTION])?;
    agreed(cluster).await?;
    writers.read_back().await?;
    let key = cluster.keys().fresh(slots[0]);
    answered(cluster, &heir, command!["SET", &key, "v"], Expect::Ok).await
}
