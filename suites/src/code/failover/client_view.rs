//! What clients see between the death of a primary and its replacement.

use wire::command;

use super::observe::{agreed, answered, successor};
use super::participants::Participants;
use super::writer::{CONNECTION, Writers};
use super::written::Policy;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/clients-see-no-wrong-value")
    .title("Clients see only CLUSTERDOWN, MOVED, TRYAGAIN, closed connections or right values during a failover")
    .must("availability")
    .covers(&["failover.client-visible-window", "load.failover-under-load", "load.no-wrong-value"])
    .shape(3, 1)
    .needs(&[Need::KillNode])
    .body(|cluster| Box::pin(sees_no_wrong_value(cluster)))];

/// The number of acknowledged writes of each writer before the fault, and again after it.
const WRITES: u64 = 20;

async fn sees_no_wrong_value(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let mut slots = vec![cluster.slot_of(&participants.primary)?, cluster.slot_of(&participants.primary)?];
    for primary in participants.other_primaries() {
        slots.push(cluster.slot_of(&primary)?);
    }
    let writers = Writers::new(cluster, &slots, Policy::ConfirmedSurvives);
    let successor = writers
        .during(async {
            writers.acknowledged(WRITES).await?;
            writers.confirm().await?;
            cluster.kill(&participants.primary).await?;
            let successor = successor(cluster, &participants.primary).await?;
            writers.acknowledged(WRITES).await?;
            Ok(successor)
        })
        .await?;
    cluster.measure("unavailable", writers.longest_stall());
    writers.saw_only(&["CLUSTERDOWN", "MOVED", "TRYAGAIN", CONNECTION])?;
    agreed(cluster).await?;
    writers.read_back().await?;
    let key = cluster.keys().fresh(slots[0]);
    answered(cluster, &successor, command!["SET", &key, "v"], Expect::Ok).await
}
