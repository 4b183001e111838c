//! CLUSTER FAILOVER FORCE, which does not need the primary, and TAKEOVER, which does not need votes either.

use wire::{Node, command};

use super::observe::{
    ELECTION, agreed, cluster_info, epoch_rose, flagged, flags_of, highest_config_epoch, highest_epoch, owned, state_is,
};
use super::participants::{Participants, too_many};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, list};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/force-needs-no-primary-but-votes")
        .title("CLUSTER FAILOVER FORCE promotes a dead primary's replica at once, but only with a majority of votes")
        .must("CLUSTER FAILOVER")
        .covers(&["failover.force"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::PauseNode, Need::ChangeRoles])
        .body(|cluster| Box::pin(force(cluster))),
    check("failover/takeover-needs-no-votes")
        .title("A cluster without a majority goes down and elects no replica, but TAKEOVER promotes one in a new epoch")
        .must("CLUSTER FAILOVER")
        .covers(&["failover.takeover", "failover.needs-majority", "down.majority-loss"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::ChangeRoles])
        .body(|cluster| Box::pin(takeover(cluster))),
];

async fn force(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let others = participants.other_primaries();
    let silent = &others[..(too_many(others.len() + 1) - 1).min(others.len())];
    let before = highest_epoch(cluster, &cluster.nodes()).await?;
    for node in silent {
        cluster.pause(node).await?;
    }
    cluster.kill(primary).await?;
    cluster.expect(replica, command!["CLUSTER", "FAILOVER", "FORCE"], Expect::Ok).await?;
    if !silent.is_empty() {
        cluster
            .throughout(VOTES_MISSING, "the replica is not promoted without votes", async || {
                is_replica(cluster, replica).await
            })
            .await?;
    }
    for node in silent {
        cluster.resume(node).await?;
    }
    let voted = std::time::Instant::now();
    cluster
        .until(cluster.limits().failover, "the replica is promoted once the voters answer", async || {
            // If the attempt has waited too long for votes, it is over, and rct asks for another one.
            if is_replica(cluster, replica).await.is_ok() {
                cluster.call(replica, command!["CLUSTER", "FAILOVER", "FORCE"]).await?;
            }
            cluster.until(ELECTION, "the replica is promoted", async || promoted(cluster, replica).await).await
        })
        .await?;
    cluster.measure("promoted", voted.elapsed());
    owned(cluster, &participants.survivors(), replica, &primary.slots).await?;
    epoch_rose(cluster, &participants.survivors(), replica, before).await?;
    takes_writes(cluster, primary, replica).await
}

/// How long the voters stay paused. The replica asks for votes at once and accepts them for 2 s.
const VOTES_MISSING: std::time::Duration = std::time::Duration::from_millis(700);

async fn takeover(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let others = participants.other_primaries();
    let (dead, alive) = others.split_at(too_many(others.len() + 1) - 1);
    // Only of primaries: a replica that already has the greatest epoch of all takes over with it.
    let before = highest_config_epoch(cluster, &cluster.nodes()).await?;
    for node in dead.iter().chain([primary]) {
        cluster.kill(node).await?;
    }
    let died = std::time::Instant::now();
    flagged(cluster, std::slice::from_ref(replica), primary, "fail?").await?;
    for node in alive {
        refuses(cluster, node).await?;
    }
    cluster.measure("down", died.elapsed());
    cluster
        .throughout(ELECTION, "no replica is promoted without a majority", async || {
            let flags = flags_of(cluster, replica, primary).await?;
            ensure!(
                !flags.iter().any(|flag| flag == "fail"),
                format!("{} without the flag fail in CLUSTER NODES of {}", primary.address, replica.address),
                "the flags {}",
                list(&flags)
            );
            is_replica(cluster, replica).await
        })
        .await?;

    let asked = std::time::Instant::now();
    cluster.expect(replica, command!["CLUSTER", "FAILOVER", "TAKEOVER"], Expect::Ok).await?;
    let survivors = cluster.running();
    owned(cluster, &survivors, replica, &primary.slots).await?;
    cluster.measure("taken-over", asked.elapsed());
    epoch_rose(cluster, &survivors, replica, before).await?;
    for node in dead {
        let successor = cluster.replica_of(node)?;
        // The command fails if the new majority has already promoted the replica.
        cluster.call(&successor, command!["CLUSTER", "FAILOVER", "TAKEOVER"]).await?;
        owned(cluster, &survivors, &successor, &node.slots).await?;
    }
    takes_writes(cluster, primary, replica).await
}

/// Waits until a primary without a majority refuses commands for its own slots.
async fn refuses(cluster: &Cluster, node: &Node) -> Outcome {
    let key = cluster.keys().fresh(cluster.slot_of(node)?);
    cluster
        .until(cluster.limits().failover, "a primary in the minority stops serving", async || {
            for command in [command!["GET", &key], command!["SET", &key, "v"]] {
                cluster.expect(node, command, Expect::error("CLUSTERDOWN")).await?;
            }
            let state = cluster_info(cluster, node, "cluster_state").await?;
            ensure!(state == "fail", format!("cluster_state:fail of {}", node.address), "cluster_state:{state}");
            Ok(())
        })
        .await
}

/// Waits until the promoted node accepts a write to a slot of the dead primary and all nodes report cluster_state:ok.
async fn takes_writes(cluster: &Cluster, dead: &Node, promoted: &Node) -> Outcome {
    let slot = dead
        .slots
        .first()
        .map(|range| range.start)
        .ok_or_else(|| Stop::broken(format!("the primary {} has no slot", dead.address)))?;
    let key = cluster.keys().fresh(slot);
    cluster
        .until(cluster.limits().failover, "the promoted node accepts writes and the cluster is ok", async || {
            cluster.expect(promoted, command!["SET", &key, "v"], Expect::Ok).await?;
            state_is(cluster, &cluster.running(), "ok").await?;
            agreed(cluster).await.map(drop)
        })
        .await
}

async fn is_replica(cluster: &Cluster, node: &Node) -> Outcome {
    let view = cluster.view_of(node).await?;
    let own = view
        .node(&node.id)
        .ok_or_else(|| Stop::mismatch(format!("a line of {} in its own CLUSTER NODES", node.address), line(None)))?;
    ensure!(
        own.primary.is_some() && own.slots.is_empty(),
        format!("{} still as a replica without slots", node.address),
        "{}",
        line(Some(own))
    );
    Ok(())
}

async fn promoted(cluster: &Cluster, node: &Node) -> Outcome {
    let view = cluster.view_of(node).await?;
    let own = view.node(&node.id).filter(|own| own.primary.is_none() && !own.slots.is_empty());
    ensure!(own.is_some(), format!("{} as a primary with slots", node.address), "{}", line(view.node(&node.id)));
    Ok(())
}
