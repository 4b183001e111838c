//! Settings that prevent a failover, and the failovers that remain possible with them.

use std::time::{Duration, Instant};

use wire::{Node, command};

use super::observe::{ELECTION, flagged, owned};
use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{or, seconds};

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
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let survivors = participants.survivors();
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-no-failover", "yes").await?;
        flagged(cluster, &cluster.nodes(), &replica, "nofailover").await?;
    }
    cluster.kill(primary).await?;
    flagged(cluster, &survivors, primary, "fail").await?;
    let not_promoted = async || {
        // Without FORCE or TAKEOVER, a manual failover needs the primary, which is dead.
        cluster.expect(replica, command!["CLUSTER", "FAILOVER"], Expect::error("ERR")).await?;
        still_replica(cluster, replica, primary).await
    };
    cluster
        .throughout(ELECTION, "the replica is not promoted while cluster-replica-no-failover is yes", not_promoted)
        .await?;
    let asked = Instant::now();
    cluster.expect(replica, command!["CLUSTER", "FAILOVER", "FORCE"], Expect::Ok).await?;
    owned(cluster, &survivors, replica, &primary.slots).await?;
    cluster.measure("promoted", asked.elapsed());
    Ok(())
}

/// The value of the setting: a replica may be without its primary for one node timeout and one ping period.
const FACTOR: &str = "1";
/// The ping period that the check sets, in seconds; it is the smallest possible one.
const PING_PERIOD: &str = "1";
/// The number of node timeouts before data is too old: one that is always allowed, and one because of the factor.
const TIMEOUTS: u32 = 2;

async fn stale_replica_abstains(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let survivors = participants.survivors();
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-validity-factor", FACTOR).await?;
        cluster.set_config(&replica, "repl-ping-replica-period", PING_PERIOD).await?;
        cluster.cut_replication(&replica, primary).await?;
    }
    let cut = Instant::now();
    let node_timeout = cluster.limits().node_timeout;
    let stale_after = Duration::from_secs(1) + node_timeout * TIMEOUTS + MARGIN;
    // A primary counts as dead one node timeout after its last answer, so the replica's data is too old by then.
    tokio::time::sleep(stale_after.saturating_sub(node_timeout / 2)).await;
    cluster.kill(primary).await?;
    flagged(cluster, &survivors, primary, "fail").await?;
    if cut.elapsed() < stale_after {
        return Err(Stop::broken(format!(
            "the primary was marked as failed earlier than {} after the link was cut",
            seconds(stale_after)
        )));
    }
    cluster
        .throughout(ELECTION, "a replica with too old data is not promoted", async || {
            still_replica(cluster, replica, primary).await
        })
        .await?;
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-validity-factor", "0").await?;
    }
    let allowed = Instant::now();
    cluster
        .until(cluster.limits().failover, "a replica is promoted although its data is old", async || {
            let owner = cluster.view_of(replica).await?.owner(primary.slots[0].start).map(|node| node.id);
            let right = owner.is_some_and(|id| cluster.replicas_of(primary).iter().any(|node| node.id == id));
            ensure!(
                right,
                format!("a replica of {} as the owner of its slots", primary.address),
                "{}",
                or(owner, "no owner")
            );
            Ok(())
        })
        .await?;
    cluster.measure("promoted", allowed.elapsed());
    Ok(())
}

/// How much later than it happens a cut may be noticed.
const MARGIN: Duration = Duration::from_millis(200);

async fn still_replica(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    let found = cluster.view_of(replica).await?.node(&replica.id).and_then(|node| node.primary);
    ensure!(
        found == Some(primary.id),
        format!("{} still as a replica of {}", replica.address, primary.id),
        "{}",
        or(found, "a primary")
    );
    Ok(())
}
