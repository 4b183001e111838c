//! Settings that keep a replica from failing over, and what they leave possible.

use std::time::{Duration, Instant};

use wire::{Node, command};

use super::scene::Scene;
use super::watch::{ELECTION, flagged, owned};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/no-failover-option")
        .title("A replica with cluster-replica-no-failover shows nofailover on every node, and only FORCE promotes it")
        .should("CLUSTER FAILOVER")
        .covers(&["failover.no-failover-option", "failover.no-primary-error"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::ChangeRoles, Need::SetConfig])
        .body(|cluster| Box::pin(no_failover_option(cluster))),
    check("failover/stale-replica-abstains")
        .title("A replica that exceeds cluster-replica-validity-factor starts no failover, but with factor 0 it does")
        .should("replica-election-and-promotion")
        .covers(&["failover.validity-factor"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::SetConfig])
        .body(|cluster| Box::pin(stale_replica_abstains(cluster))),
];

async fn no_failover_option(cluster: &Cluster) -> Outcome {
    let scene = Scene::draw(cluster)?;
    let Scene { primary, replica, .. } = &scene;
    let survivors = scene.survivors();
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-no-failover", "yes").await?;
        flagged(cluster, &cluster.nodes(), &replica, "nofailover").await?;
    }
    cluster.kill(primary).await?;
    flagged(cluster, &survivors, primary, "fail").await?;
    let not_promoted = async || {
        // Without an option a manual failover needs the primary, which is dead.
        cluster.expect(replica, command!["CLUSTER", "FAILOVER"], Expect::error("ERR")).await?;
        still_replica(cluster, replica, primary).await
    };
    cluster.throughout(ELECTION, "no promotion with cluster-replica-no-failover", not_promoted).await?;
    let asked = Instant::now();
    cluster.expect(replica, command!["CLUSTER", "FAILOVER", "FORCE"], Expect::Ok).await?;
    owned(cluster, &survivors, replica, &primary.slots).await?;
    cluster.measure("promoted", asked.elapsed());
    Ok(())
}

/// The factor that is set: with it a replica may be without its primary for one node timeout, and the ping period.
const FACTOR: &str = "1";
/// The ping period that is set, in seconds: the smallest.
const PING_PERIOD: &str = "1";
/// The node timeouts that pass before data counts as old: one that is always allowed, and one by the factor.
const TIMEOUTS: u32 = 2;

async fn stale_replica_abstains(cluster: &Cluster) -> Outcome {
    let scene = Scene::draw(cluster)?;
    let Scene { primary, replica, .. } = &scene;
    let survivors = scene.survivors();
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-validity-factor", FACTOR).await?;
        cluster.set_config(&replica, "repl-ping-replica-period", PING_PERIOD).await?;
        cluster.cut_replication(&replica, primary).await?;
    }
    let cut = Instant::now();
    let node_timeout = cluster.limits().node_timeout;
    let stale_after = Duration::from_secs(1) + node_timeout * TIMEOUTS + MARGIN;
    // The primary counts as dead a node timeout after its last sign of life, so the replica is stale by then.
    tokio::time::sleep(stale_after.saturating_sub(node_timeout / 2)).await;
    cluster.kill(primary).await?;
    flagged(cluster, &survivors, primary, "fail").await?;
    if cut.elapsed() < stale_after {
        return Err(Stop::broken(format!("see the primary fail later than {stale_after:?} after the cut")));
    }
    cluster
        .throughout(ELECTION, "a stale replica is not promoted", async || {
            still_replica(cluster, replica, primary).await
        })
        .await?;
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-validity-factor", "0").await?;
    }
    let allowed = Instant::now();
    cluster
        .until(cluster.limits().failover, "a replica is promoted however old its data", async || {
            let owner = cluster.view_of(replica).await?.owner(primary.slots[0].start).map(|node| node.id);
            let right = owner.is_some_and(|id| cluster.replicas_of(primary).iter().any(|node| node.id == id));
            ensure!(right, format!("a replica of {} its successor", primary.address), "{owner:?}");
            Ok(())
        })
        .await?;
    cluster.measure("promoted", allowed.elapsed());
    Ok(())
}

/// What the moment of a cut may be noticed late.
const MARGIN: Duration = Duration::from_millis(200);

async fn still_replica(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    let found = cluster.view_of(replica).await?.node(&replica.id).and_then(|node| node.primary);
    ensure!(found == Some(primary.id), format!("{} still a replica", replica.address), "{found:?}");
    Ok(())
}
