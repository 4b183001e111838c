//! Which nodes decide that another node has failed.

use std::time::Instant;

use futures_util::future::try_join_all;
use wire::{Node, command};

use super::observe::{calm_view, cluster_number, flagged, state_is};
use super::participants::{Participants, add_empty_primary, too_many};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::server::Server;
use crate::words;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/only-slot-owners-mark-failures")
        .title("A node is marked as failed only when a majority of the primaries with slots cannot reach it")
        .should("failure-detection")
        .covers(&["failover.failure-report-voters", "down.pfail-counts"])
        .shape(3, 1)
        .needs(&[Need::PauseNode, Need::FreshNode, Need::SetConfig])
        .body(|cluster| Box::pin(only_slot_owners_mark(cluster))),
    check("failover/single-primary-marks-failures")
        .title("The only primary of a cluster marks its dead replica as failed by itself")
        .should("failure-detection")
        .covers(&["failover.single-primary-marks"])
        .shape(1, 1)
        .needs(&[Need::KillNode])
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(single_primary_marks(cluster))),
];

async fn only_slot_owners_mark(cluster: &Cluster) -> Outcome {
    if counts_slot_owners_only(cluster.server()) {
        let empty = add_empty_primary(cluster).await?;
        counts_voters(cluster, &empty).await?;
    }
    let participants = Participants::draw(cluster)?;
    let others = participants.other_primaries();
    let others = &others[..(too_many(others.len() + 1) - 1).min(others.len())];
    let Some(voter) = others.first() else { return Err(Stop::skip("the check needs three primaries with slots")) };
    let away: Vec<Node> = [&participants.primary].into_iter().chain(others).cloned().collect();
    let mut viewers = participants.survivors();
    viewers.retain(|node| away.iter().all(|away| away.id != node.id));
    let missing = away.iter().map(|node| cluster.all_slots_of(node).len() as u64).sum::<u64>();
    // A node that is marked as failed stays so, because no replica takes over.
    for replica in viewers.iter().filter(|node| node.primary.is_some()) {
        cluster.set_config(replica, "cluster-replica-no-failover", "yes").await?;
    }
    // All at the same moment, so that none of them can report another one.
    try_join_all(away.iter().map(|node| cluster.pause(node))).await?;
    for node in &away {
        flagged(cluster, &viewers, node, "fail?").await?;
    }
    cluster
        .throughout(
            cluster.limits().node_timeout,
            "a node is only suspected, not failed, without a majority",
            async || {
                for viewer in &viewers {
                    let view = calm_view(cluster, viewer, &away).await?;
                    for node in &away {
                        let line = view.node(&node.id);
                        let right = line.is_some_and(|line| line.is_suspected() && !line.is_failed());
                        ensure!(
                            right,
                            format!("{} with the flag fail? in CLUSTER NODES of {}", node.address, viewer.address),
                            "{}",
                            words::line(line)
                        );
                    }
                    slots_are(cluster, viewer, missing, 0).await?;
                }
                Ok(())
            },
        )
        .await?;

    let heard = Instant::now();
    cluster.resume(voter).await?;
    flagged(cluster, &viewers, &participants.primary, "fail").await?;
    cluster.measure("marked", heard.elapsed());
    let failed = cluster.all_slots_of(&participants.primary).len() as u64;
    cluster
        .until(cluster.limits().failover, "all nodes count the slots of the failed primary", async || {
            for viewer in &viewers {
                slots_are(cluster, viewer, 0, failed).await?;
            }
            Ok(())
        })
        .await?;
    cluster.resume(&participants.primary).await
}

/// Whether the server ignores reports of primaries without slots: Valkey does since 8.0, Redis does not.
fn counts_slot_owners_only(server: &Server) -> bool {
    !server.is("redis") && !server.is("valkey <8.0")
}

/// Waits until a new node counts all primaries that vote.
///
/// In its first 2 s, a node of Valkey 9.1 does not: it takes one report for a majority and tells the others.
async fn counts_voters(cluster: &Cluster, node: &Node) -> Outcome {
    let voters = cluster.primaries().len() as u64;
    cluster
        .until(cluster.limits().converge, "the new node counts the primaries", async || {
            state_is(cluster, std::slice::from_ref(node), "ok").await?;
            let size = cluster_number(cluster, node, "cluster_size").await?;
            ensure!(size == voters, format!("cluster_size:{voters} of {}", node.address), "cluster_size:{size}");
            Ok(())
        })
        .await
}

/// Requires that a node counts these numbers of suspected and failed slots.
async fn slots_are(cluster: &Cluster, node: &Node, suspected: u64, failed: u64) -> Outcome {
    let found = (
        cluster_number(cluster, node, "cluster_slots_pfail").await?,
        cluster_number(cluster, node, "cluster_slots_fail").await?,
    );
    let of = format!("cluster_slots_pfail:{suspected} and cluster_slots_fail:{failed} of {}", node.address);
    ensure!(found == (suspected, failed), of, "cluster_slots_pfail:{} and cluster_slots_fail:{}", found.0, found.1);
    Ok(())
}

async fn single_primary_marks(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    if cluster.primaries().len() > 1 {
        return Err(Stop::skip("the check needs a cluster with only one primary"));
    }
    let died = Instant::now();
    cluster.kill(&participants.replica).await?;
    flagged(cluster, std::slice::from_ref(&participants.primary), &participants.replica, "fail").await?;
    cluster.measure("marked", died.elapsed());
    let key = cluster.keys().fresh(cluster.slot_of(&participants.primary)?);
    cluster.expect(&participants.primary, command!["SET", &key, "v"], Expect::Ok).await.map(drop)
}
