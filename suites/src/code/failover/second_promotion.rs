//! A second promotion of the same replica needs new votes and a new epoch.

use std::time::Instant;

use wire::{Node, command};

use super::observe::{agreed, answered, epoch_rose, follows, highest_epoch, owned};
use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::limits::Limits;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::or;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/second-promotion-has-new-votes")
    .title("A replica that is promoted again soon after a failback wins with new votes and a new epoch")
    .must("replica-election-and-promotion")
    .covers(&["failover.auto-promotes", "failover.epoch-bump"])
    .shape(3, 1)
    .needs(&[Need::ChangeRoles, Need::SetConfig, Need::KillNode])
    // In older Valkey, and in all releases of Redis, a winner keeps its votes for two node timeouts. Within that time it
    // takes over again with its old epoch, and no other node accepts it (redis/redis#8753, valkey-io/valkey#1711).
    .servers(&["valkey >=9.0"])
    .body(|cluster| Box::pin(promoted_twice(cluster)))];

/// By how much the check raises the node timeout before the second election.
///
/// The votes of the first election count for two node timeouts. Two changes of roles take about one of the short node
/// timeouts, so with the longer one the second election starts while the old votes would still count.
const NODE_TIMEOUT_FACTOR: u32 = 4;

async fn promoted_twice(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let key = cluster.keys().fresh(cluster.slot_of(primary)?);
    cluster.expect(primary, command!["SET", &key, "before"], Expect::Ok).await?;
    swap(cluster, primary, replica).await?;
    swap(cluster, replica, primary).await?;
    let node_timeout = cluster.limits().node_timeout * NODE_TIMEOUT_FACTOR;
    for node in cluster.nodes() {
        cluster.set_config(&node, "cluster-node-timeout", &node_timeout.as_millis().to_string()).await?;
    }
    // The primary's other replicas leave the election to the one that was promoted before.
    for other in cluster.replicas_of(primary).iter().filter(|other| other.id != replica.id) {
        cluster.set_config(other, "cluster-replica-no-failover", "yes").await?;
    }
    let before = highest_epoch(cluster, &cluster.nodes()).await?;
    cluster.kill(primary).await?;
    let killed = Instant::now();
    let survivors = participants.survivors();
    let limit = Limits::of_node_timeout(node_timeout).failover;
    let promoted = cluster.until(limit, "every node knows the replica as owner again", async || {
        for viewer in &survivors {
            let owner = cluster.view_of(viewer).await?.owner(primary.slots[0].start).map(|node| node.id);
            ensure!(
                owner == Some(replica.id),
                format!("{} as the owner in CLUSTER NODES of {}", replica.id, viewer.address),
                "{}",
                or(owner, "no owner")
            );
        }
        Ok(())
    });
    promoted.await?;
    cluster.measure("promoted", killed.elapsed());
    owned(cluster, &survivors, replica, &primary.slots).await?;
    epoch_rose(cluster, &survivors, replica, before).await?;
    answered(cluster, replica, command!["GET", &key], Expect::text("before")).await
}

/// Promotes the replica of a primary, and waits until all nodes know both new roles and the old primary has the data.
async fn swap(cluster: &Cluster, primary: &Node, replica: &Node) -> Outcome {
    cluster.failover(replica, None).await?;
    let demoted = cluster.until(cluster.limits().converge, "all nodes know the old primary as a replica", async || {
        let copied = agreed(cluster).await?.node(&primary.id).and_then(|node| node.primary);
        ensure!(
            copied == Some(replica.id),
            format!("{} as a replica of {}", primary.address, replica.id),
            "{}",
            or(copied, "no primary")
        );
        Ok(())
    });
    demoted.await?;
    follows(cluster, primary, replica).await
}
