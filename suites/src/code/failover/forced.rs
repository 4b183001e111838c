//! CLUSTER FAILOVER FORCE and TAKEOVER: without the primary, and without votes.

use wire::{Node, command};

use super::scene::{Scene, too_many};
use super::watch::{
    ELECTION, agreed, cluster_info, epoch_rose, flagged, flags_of, highest_config_epoch, highest_epoch, owned, state_is,
};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

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
    let scene = Scene::draw(cluster)?;
    let Scene { primary, replica, .. } = &scene;
    let others = scene.other_primaries();
    let silent = &others[..(too_many(others.len() + 1) - 1).min(others.len())];
    let before = highest_epoch(cluster, &cluster.nodes()).await?;
    for node in silent {
        cluster.pause(node).await?;
    }
    cluster.kill(primary).await?;
    cluster.expect(replica, command!["CLUSTER", "FAILOVER", "FORCE"], Expect::Ok).await?;
    if !silent.is_empty() {
        cluster
            .throughout(VOTES_MISSING, "no promotion without votes", async || is_replica(cluster, replica).await)
            .await?;
    }
    for node in silent {
        cluster.resume(node).await?;
    }
    let voted = std::time::Instant::now();
    cluster
        .until(cluster.limits().failover, "the votes promote the replica", async || {
            // An attempt that waited too long for votes is over; another may be asked for.
            if is_replica(cluster, replica).await.is_ok() {
                cluster.call(replica, command!["CLUSTER", "FAILOVER", "FORCE"]).await?;
            }
            cluster.until(ELECTION, "the replica is promoted", async || promoted(cluster, replica).await).await
        })
        .await?;
    cluster.measure("promoted", voted.elapsed());
    owned(cluster, &scene.survivors(), replica, &primary.slots).await?;
    epoch_rose(cluster, &scene.survivors(), replica, before).await?;
    takes_writes(cluster, primary, replica).await
}

/// How long votes are kept back. The replica asks for them at once, and takes them for 2 s.
const VOTES_MISSING: std::time::Duration = std::time::Duration::from_millis(700);

async fn takeover(cluster: &Cluster) -> Outcome {
    let scene = Scene::draw(cluster)?;
    let Scene { primary, replica, .. } = &scene;
    let others = scene.other_primaries();
    let (dead, alive) = others.split_at(too_many(others.len() + 1) - 1);
    // Of primaries only: a replica whose own epoch happens to be the greatest of all takes over with that.
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
        .throughout(ELECTION, "nobody is promoted without a majority", async || {
            let flags = flags_of(cluster, replica, primary).await?;
            ensure!(
                !flags.iter().any(|flag| flag == "fail"),
                format!("{} not flagged fail", primary.address),
                "{flags:?}"
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
        let heir = cluster.replica_of(node)?;
        // An error where the new majority has promoted it already.
        cluster.call(&heir, command!["CLUSTER", "FAILOVER", "TAKEOVER"]).await?;
        owned(cluster, &survivors, &heir, &node.slots).await?;
    }
    takes_writes(cluster, primary, replica).await
}

/// Waits until a primary that lost the majority refuses a key of its own.
async fn refuses(cluster: &Cluster, node: &Node) -> Outcome {
    let key = cluster.keys().fresh(cluster.slot_of(node)?);
    cluster
        .until(cluster.limits().failover, "a primary in the minority stops serving", async || {
            for command in [command!["GET", &key], command!["SET", &key, "v"]] {
                cluster.expect(node, command, Expect::error("CLUSTERDOWN")).await?;
            }
            let state = cluster_info(cluster, node, "cluster_state").await?;
            ensure!(state == "fail", "cluster_state:fail", "{state}");
            Ok(())
        })
        .await
}

/// Waits until the promoted node takes a write to a slot of the dead primary and the cluster is well.
async fn takes_writes(cluster: &Cluster, dead: &Node, promoted: &Node) -> Outcome {
    let slot = dead.slots.first().map(|range| range.start).ok_or_else(|| Stop::broken("find a slot of the primary"))?;
    let key = cluster.keys().fresh(slot);
    cluster
        .until(cluster.limits().failover, "the promoted node takes writes", async || {
            cluster.expect(promoted, command!["SET", &key, "v"], Expect::Ok).await?;
            state_is(cluster, &cluster.running(), "ok").await?;
            agreed(cluster).await.map(drop)
        })
        .await
}

async fn is_replica(cluster: &Cluster, node: &Node) -> Outcome {
    let view = cluster.view_of(node).await?;
    let own = view.node(&node.id).ok_or_else(|| Stop::mismatch("a line of the node itself", "none"))?;
    ensure!(own.primary.is_some() && own.slots.is_empty(), format!("{} still a replica", node.address), "{own:?}");
    Ok(())
}

async fn promoted(cluster: &Cluster, node: &Node) -> Outcome {
    let view = cluster.view_of(node).await?;
    let own = view.node(&node.id).filter(|own| own.primary.is_none() && !own.slots.is_empty());
    ensure!(own.is_some(), format!("{} a primary with slots", node.address), "{}", view.signature());
    Ok(())
}
