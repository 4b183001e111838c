//! Nodes that change their primary by themselves: to a primary without replicas, or to the one that took the last slot.

use std::time::{Duration, Instant};

use wire::{Node, command};

use super::observe::{agreed, answered, follows, owned};
use super::participants::{Participants, hand_over};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, list};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/orphan-gets-spare-replica")
        .title("A primary that lost its replicas gets one from a primary that has a replica to spare")
        .should("replica-migration")
        .covers(&["failover.replica-migration"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::ChangeRoles, Need::SetConfig])
        .body(|cluster| Box::pin(orphan_gets_replica(cluster))),
    check("failover/replicas-stay-without-migration")
        .title("Replicas stay with their primary, even without slots, if cluster-allow-replica-migration is no")
        .should("replica-migration")
        .covers(&["failover.replica-migration-disabled"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::ChangeRoles, Need::EmptyShard, Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(replicas_stay(cluster))),
    check("failover/empty-primary-joins")
        .title("A primary that loses its last slot to another primary becomes a replica of that primary")
        .should("replica-migration")
        .covers(&["failover.empty-primary-joins", "reshard.last-slot"])
        .shape(2, 0)
        .needs(&[Need::ChangeRoles, Need::EmptyShard, Need::SetConfig])
        .body(|cluster| Box::pin(empty_primary_joins(cluster))),
];

/// How long a primary must be without replicas before it gets one from another shard (a constant of the servers).
const MIGRATION_DELAY: Duration = Duration::from_secs(5);
/// The setting that allows replicas to migrate (since 6.2; older servers always allow it).
const ALLOW: &str = "cluster-allow-replica-migration";

/// A primary with two replicas, and another primary that has just lost its only one.
struct Shards {
    donor: Node,
    spares: [Node; 2],
    orphan: Node,
}

/// Gives a primary a second replica. Then it kills another primary, whose only replica takes over and has no replica.
async fn orphan(cluster: &Cluster) -> Outcome<Shards> {
    let (participants, second) = Participants::draw_with_two_replicas(cluster).await?;
    // The shard that gave its replica away cannot be the orphaned one, because no replica could take over.
    let others = participants.other_primaries().into_iter().filter(|primary| !cluster.replicas_of(primary).is_empty());
    let dying =
        cluster.pick(others.collect()).ok_or_else(|| Stop::skip("the check needs a third primary with a replica"))?;
    let orphan = cluster.replica_of(&dying)?;
    cluster.kill(&dying).await?;
    cluster.failover(&orphan, Some("FORCE")).await?;
    Ok(Shards { donor: participants.primary, spares: [participants.replica, second], orphan })
}

async fn orphan_gets_replica(cluster: &Cluster) -> Outcome {
    for node in cluster.nodes() {
        set_if_known(cluster, &node, ALLOW, "yes").await?;
        cluster.set_config(&node, "cluster-migration-barrier", "1").await?;
    }
    let Shards { donor, spares, orphan } = orphan(cluster).await?;
    let orphaned = Instant::now();
    cluster
        .until(
            MIGRATION_DELAY + cluster.limits().failover,
            "one of the two replicas joins the primary without replicas",
            async || {
                let view = agreed(cluster).await?;
                let primary = |node: &Node| view.node(&node.id).and_then(|node| node.primary);
                let (stayed, went): (Vec<_>, Vec<_>) =
                    spares.iter().partition(|spare| primary(spare) == Some(donor.id));
                let right = stayed.len() == 1 && went.iter().all(|spare| primary(spare) == Some(orphan.id));
                ensure!(
                    right,
                    format!("one of the replicas of {} to replicate {}", donor.address, orphan.address),
                    "{}",
                    list(spares.iter().map(|spare| line(view.node(&spare.id))))
                );
                Ok(())
            },
        )
        .await?;
    cluster.measure("migrated", orphaned.elapsed());
    cluster.replicated(&orphan).await
}

async fn replicas_stay(cluster: &Cluster) -> Outcome {
    for node in cluster.nodes() {
        cluster.set_config(&node, ALLOW, "no").await?;
    }
    let Shards { donor, spares, orphan } = orphan(cluster).await?;
    let viewers = cluster.running();
    let stays = async || {
        for viewer in &viewers {
            let view = cluster.view_of(viewer).await?;
            let primary = |node: &Node| view.node(&node.id).and_then(|node| node.primary);
            let right = primary(&donor).is_none() && spares.iter().all(|spare| primary(spare) == Some(donor.id));
            let of = format!("{} as a primary with two replicas in CLUSTER NODES of {}", donor.address, viewer.address);
            ensure!(right, of, "{}", list([&donor].into_iter().chain(&spares).map(|node| line(view.node(&node.id)))));
        }
        Ok(())
    };
    let span = MIGRATION_DELAY + cluster.limits().node_timeout;
    cluster.throughout(span, "no replica migrates", stays).await?;

    let mut slots = donor.slots.clone();
    slots.extend(cluster.topology().node(&orphan.id).map(|node| node.slots.clone()).unwrap_or_default());
    hand_over(cluster, &donor, &orphan).await?;
    owned(cluster, &viewers, &orphan, &slots).await?;
    cluster.throughout(cluster.limits().node_timeout, "no replica leaves the primary without slots", stays).await
}

async fn empty_primary_joins(cluster: &Cluster) -> Outcome {
    let mut primaries = cluster.primaries();
    if primaries.len() < 2 {
        return Err(Stop::skip("the check needs two primaries with slots"));
    }
    let from = primaries.swap_remove(cluster.random_below(primaries.len()));
    let to = primaries.swap_remove(cluster.random_below(primaries.len()));
    for node in cluster.nodes() {
        set_if_known(cluster, &node, ALLOW, "yes").await?;
    }
    let began = Instant::now();
    hand_over(cluster, &from, &to).await?;
    cluster
        .until(
            cluster.limits().failover,
            "the primary without slots replicates the one that took its last slot",
            async || {
                let view = agreed(cluster).await?;
                let found = view.node(&from.id).and_then(|node| node.primary);
                ensure!(
                    found == Some(to.id),
                    format!("{} as a replica of {}", from.address, to.id),
                    "{}",
                    line(view.node(&from.id))
                );
                Ok(())
            },
        )
        .await?;
    cluster.measure("joined", began.elapsed());
    let key = cluster.keys().fresh(cluster.slot_of(&to)?);
    answered(cluster, &to, command!["SET", &key, "v"], Expect::Ok).await?;
    follows(cluster, &from, &to).await
}

async fn set_if_known(cluster: &Cluster, node: &Node, name: &str, value: &str) -> Outcome {
    match cluster.set_config(node, name, value).await {
        Err(Stop::Skip(_)) => Ok(()),
        set => set,
    }
}
