//! Elections: which replica wins, which data is lost with the old primary, and what follows a lost election.

use std::time::{Duration, Instant};

use wire::{Node, command};

use super::observe::{agreed, answered, cluster_number, flagged, follows, owned, state_is, successor};
use super::participants::{Participants, too_many};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, or};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/best-replica-wins")
        .title("The replica with the most data is promoted, and only writes that it had not received are lost")
        .should("replica-rank")
        .covers(&["failover.best-replica-wins", "failover.writes-survive-wait", "failover.old-discards-divergence"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::RestartNode, Need::ChangeRoles, Need::SetConfig])
        .body(|cluster| Box::pin(best_replica_wins(cluster))),
    check("failover/lost-election-is-repeated")
        .title("A replica that gets no majority of votes is not promoted and tries again")
        .should("replica-election-and-promotion")
        .covers(&["failover.retry-after-lost-election"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::PauseNode, Need::SetConfig])
        .body(|cluster| Box::pin(lost_election_is_repeated(cluster))),
    check("failover/two-primaries-at-once")
        .title("Replicas replace two primaries of five that die at the same time")
        .should("replica-election-and-promotion")
        .covers(&["failover.two-primaries-at-once"])
        .shape(5, 1)
        .needs(&[Need::KillNode])
        .body(|cluster| Box::pin(two_at_once(cluster))),
    check("failover/loop-over-all-nodes")
        .title("The cluster keeps all data while each node in turn is killed, replaced and restarted")
        .should("availability")
        .covers(&["failover.repeated"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::RestartNode, Need::ChangeRoles, Need::SetConfig])
        .body(|cluster| Box::pin(loop_over_all(cluster))),
];

async fn best_replica_wins(cluster: &Cluster) -> Outcome {
    let (participants, behind) = Participants::draw_with_two_replicas(cluster).await?;
    let Participants { primary, replica: best, .. } = &participants;
    let slot = cluster.slot_of(primary)?;
    let (confirmed, diverged) = (cluster.keys().fresh(slot), cluster.keys().fresh(slot));
    cluster.cut_replication(&behind, primary).await?;
    write_confirmed(cluster, primary, &confirmed).await?;
    cluster.cut_replication(best, primary).await?;
    has_heard(cluster, &behind, best).await?;
    cluster.expect(primary, command!["SET", &diverged, "only here"], Expect::Ok).await?;
    cluster.expect(primary, command!["SAVE"], Expect::Ok).await?;
    let died = Instant::now();
    cluster.kill(primary).await?;

    cluster.promoted(best).await?;
    cluster.measure("promoted", died.elapsed());
    answered(cluster, best, command!["GET", &confirmed], Expect::text("confirmed")).await?;
    answered(cluster, best, command!["GET", &diverged], Expect::Null).await?;

    cluster.restore_replication(&behind).await?;
    cluster.restart(primary, Restart::WithData).await?;
    cluster
        .until(cluster.limits().restart, "the others follow the promoted replica", async || {
            let view = agreed(cluster).await?;
            for node in [primary, &behind] {
                let found = view.node(&node.id).and_then(|node| node.primary);
                ensure!(
                    found == Some(best.id),
                    format!("{} as a replica of {}", node.address, best.id),
                    "{}",
                    or(found, "no primary")
                );
            }
            Ok(())
        })
        .await?;
    for node in [primary, &behind] {
        follows(cluster, node, best).await?;
    }
    let mut reader = cluster.session(primary).await?;
    reader.expect(command!["READONLY"], Expect::Ok).await?;
    reader.expect(command!["GET", &diverged], Expect::Null).await?;
    reader.expect(command!["GET", &confirmed], Expect::text("confirmed")).await.map(drop)
}

/// Waits until a replica knows that another one has more data; only then it ranks itself behind it.
async fn has_heard(cluster: &Cluster, behind: &Node, best: &Node) -> Outcome {
    if !cluster.has_shards().await? {
        // No command shows it, but nodes tell each other at least twice in a node timeout.
        return cluster
            .throughout(cluster.limits().node_timeout, "the replicas tell each other their offsets", async || Ok(()))
            .await;
    }
    cluster
        .until(cluster.limits().converge, "the replicas know each other's offsets", async || {
            let shards = cluster.shards_view(behind).await?;
            let nodes = || shards.iter().flat_map(|shard| &shard.nodes);
            let offset = |id| nodes().find(|node| node.id == id).and_then(|node| node.replication_offset);
            let (own, other) = (offset(behind.id), offset(best.id));
            ensure!(
                own < other,
                format!("an offset of {} in CLUSTER SHARDS of {} above its own", best.address, behind.address),
                "{}, its own offset {}",
                or(other, "no offset"),
                or(own, "missing")
            );
            Ok(())
        })
        .await
}

/// Writes a key until a replica confirms the write (WAIT).
async fn write_confirmed(cluster: &Cluster, primary: &Node, key: &str) -> Outcome {
    let mut writer = cluster.session(primary).await?;
    cluster
        .until(cluster.limits().replicate, "a replica confirms the write", async || {
            writer.expect(command!["SET", key, "confirmed"], Expect::Ok).await?;
            writer.expect(command!["WAIT", "1", WAIT_MS], Expect::AtLeast(1)).await.map(drop)
        })
        .await
}

/// The timeout of one WAIT, in milliseconds.
const WAIT_MS: &str = "500";

async fn lost_election_is_repeated(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let others = participants.other_primaries();
    let silent = &others[..(too_many(others.len() + 1) - 1).min(others.len())];
    if silent.is_empty() {
        return Err(Stop::skip("the check needs three primaries with slots"));
    }
    // No replica starts an election before the voters that it needs are paused, and then only one replica does.
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-no-failover", "yes").await?;
    }
    cluster.kill(primary).await?;
    flagged(cluster, &participants.survivors(), primary, "fail").await?;
    let before = cluster_number(cluster, replica, "cluster_current_epoch").await?;
    for node in silent {
        cluster.pause(node).await?;
    }
    cluster.set_config(replica, "cluster-replica-no-failover", "no").await?;
    cluster
        .until(cluster.limits().failover, "the replica starts an election", async || {
            let epoch = cluster_number(cluster, replica, "cluster_current_epoch").await?;
            ensure!(
                epoch > before,
                format!("a cluster_current_epoch above {before} on {}", replica.address),
                "{epoch}"
            );
            Ok(())
        })
        .await?;
    let stood = Instant::now();
    // A vote that arrives after the end of the election does not count.
    let over = VOTES_AWAITED.max(cluster.limits().node_timeout * 2) + MARGIN;
    cluster
        .throughout(over, "the replica is not promoted with too few votes", async || {
            let found = cluster.view_of(replica).await?.node(&replica.id).and_then(|node| node.primary);
            ensure!(
                found == Some(primary.id),
                format!("{} still as a replica of {}", replica.address, primary.id),
                "{}",
                or(found, "a primary")
            );
            Ok(())
        })
        .await?;
    for node in silent {
        cluster.resume(node).await?;
    }
    cluster.promoted(replica).await?;
    cluster.measure("second-election", stood.elapsed());
    owned(cluster, &participants.survivors(), replica, &primary.slots).await
}

/// The least time for which a replica waits for votes.
///
/// It is the maximum of 2 s and twice the node timeout (cluster specification, "Replica election and promotion").
const VOTES_AWAITED: Duration = Duration::from_secs(2);
/// How much later than it happens an event may be noticed.
const MARGIN: Duration = Duration::from_millis(200);

async fn two_at_once(cluster: &Cluster) -> Outcome {
    let mut dying: Vec<Node> = Vec::new();
    let mut primaries = cluster.primaries();
    while dying.len() < 2 {
        let first = cluster.random_below(primaries.len());
        let primary = primaries.swap_remove(first);
        // Without a replica, no node could take over.
        cluster.replica_of(&primary)?;
        dying.push(primary);
    }
    let mut survivors = cluster.nodes();
    survivors.retain(|node| dying.iter().all(|primary| primary.id != node.id));
    let died = Instant::now();
    for primary in &dying {
        cluster.kill(primary).await?;
    }
    for primary in &dying {
        let successor = successor(cluster, primary).await?;
        owned(cluster, &survivors, &successor, &primary.slots).await?;
        let key = cluster.keys().fresh(cluster.slot_of(&successor)?);
        answered(cluster, &successor, command!["SET", &key, "v"], Expect::Ok).await?;
    }
    cluster.measure("both-replaced", died.elapsed());
    cluster
        .until(cluster.limits().converge, "all nodes report cluster_state:ok", async || {
            state_is(cluster, &survivors, "ok").await
        })
        .await
}

async fn loop_over_all(cluster: &Cluster) -> Outcome {
    let mut written: Vec<(wire::Slot, String)> = Vec::new();
    for node in cluster.nodes() {
        let now = cluster
            .topology()
            .node(&node.id)
            .cloned()
            .ok_or_else(|| Stop::broken(format!("{} is no longer in the view of the cluster", node.address)))?;
        if now.primary.is_none() {
            let slot = cluster.slot_of(&now)?;
            let key = cluster.keys().fresh(slot);
            answered(cluster, &now, command!["SET", &key, &key], Expect::Ok).await?;
            cluster.replicated(&now).await?;
            written.push((slot, key));
            let replica = cluster.replica_of(&now)?;
            cluster.kill(&now).await?;
            cluster.failover(&replica, Some("FORCE")).await?;
        } else {
            cluster.kill(&now).await?;
        }
        cluster.restart(&now, Restart::WithData).await?;
        well(cluster, &now).await?;
        for (slot, key) in &written {
            let owner = cluster.owner(*slot)?;
            answered(cluster, &owner, command!["GET", key], Expect::text(key.as_str())).await?;
        }
    }
    Ok(())
}

/// Waits until a restarted node is a replica with its primary's data, and all nodes work and are connected.
///
/// A replica that starts an election earlier does not reach its voters, and tries again only seconds later.
async fn well(cluster: &Cluster, back: &Node) -> Outcome {
    cluster
        .until(
            cluster.limits().restart,
            "the restarted node is a replica again, and all nodes work and are connected",
            async || {
                let view = agreed(cluster).await?;
                let primary = view.node(&back.id).and_then(|node| node.primary).and_then(|id| view.node(&id).cloned());
                let primary = primary.ok_or_else(|| {
                    Stop::mismatch(format!("{} as a replica", back.address), line(view.node(&back.id)))
                })?;
                for viewer in &view.nodes {
                    let own = cluster.view_of(viewer).await?;
                    let odd = own.nodes.iter().find(|node| {
                        !(node.is_usable() && !node.is_suspected() && (node.connected || node.is_myself()))
                    });
                    ensure!(
                        odd.is_none(),
                        format!("all nodes working and connected in CLUSTER NODES of {}", viewer.address),
                        "{}",
                        line(odd)
                    );
                }
                state_is(cluster, &view.nodes, "ok").await?;
                follows(cluster, back, &primary).await
            },
        )
        .await
}
