//! A node takes over a second time: with votes and an epoch of that time, not of the first.

use std::time::Instant;

use wire::{Node, command};

use super::scene::Scene;
use super::watch::{agreed, answered, epoch_rose, follows, highest_epoch, owned};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::limits::Limits;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/second-promotion-has-new-votes")
    .title("A replica that is promoted again soon after a failback wins with new votes and a new epoch")
    .must("replica-election-and-promotion")
    .covers(&["failover.auto-promotes", "failover.epoch-bump"])
    .shape(3, 1)
    .needs(&[Need::ChangeRoles, Need::SetConfig, Need::KillNode])
    // Before, and in all releases of Redis, a winner does not forget its votes: within two node timeouts it takes over
    // by them again, with its old epoch, and no other node accepts it (redis/redis#8753, valkey-io/valkey#1711).
    .servers(&["valkey >=9.0"])
    .body(|cluster| Box::pin(promoted_twice(cluster)))];

/// How many times longer than before a silent node is waited for, so that the second election begins while the votes of
/// the first would still count: they do for two node timeouts, of that length by now, and two changes of roles take about
/// one of before.
const PATIENCE: u32 = 4;

async fn promoted_twice(cluster: &Cluster) -> Outcome {
    let scene = Scene::draw(cluster)?;
    let Scene { primary, replica, .. } = &scene;
    let key = cluster.keys().fresh(cluster.slot_of(primary)?);
    cluster.expect(primary, command!["SET", &key, "before"], Expect::Ok).await?;
    swap(cluster, primary, replica).await?;
    swap(cluster, replica, primary).await?;
    let node_timeout = cluster.limits().node_timeout * PATIENCE;
    for node in cluster.nodes() {
        cluster.set_config(&node, "cluster-node-timeout", &node_timeout.as_millis().to_string()).await?;
    }
    // Whoever else copies it leaves the election to the one that was promoted before.
    for other in cluster.replicas_of(primary).iter().filter(|other| other.id != replica.id) {
        cluster.set_config(other, "cluster-replica-no-failover", "yes").await?;
    }
    let before = highest_epoch(cluster, &cluster.nodes()).await?;
    cluster.kill(primary).await?;
    let killed = Instant::now();
    let survivors = scene.survivors();
    let limit = Limits::of_node_timeout(node_timeout).failover;
    let promoted = cluster.until(limit, "every node knows the replica as owner again", async || {
        for viewer in &survivors {
            let owner = cluster.view_of(viewer).await?.owner(primary.slots[0].start).map(|node| node.id);
            ensure!(owner == Some(replica.id), format!("{} the owner to {}", replica.id, viewer.address), "{owner:?}");
        }
        Ok(())
    });
    promoted.await?;
    cluster.measure("promoted", killed.elapsed());
    owned(cluster, &survivors, replica, &primary.slots).await?;
    epoch_rose(cluster, &survivors, replica, before).await?;
    answered(cluster, replica, command!["GET", &key], Expect::text("before")).await
}

/// Promotes the replica of a primary; ends when all nodes know both in their new roles, and the old primary has the data.
async fn swap(cluster: &Cluster, primary: &Node, replica: &Node) -> Outcome {
    cluster.failover(replica, None).await?;
    let demoted = cluster.until(cluster.limits().converge, "all nodes know the old primary as a replica", async || {
        let copied = agreed(cluster).await?.node(&primary.id).and_then(|node| node.primary);
        ensure!(copied == Some(replica.id), format!("{} a replica of {}", primary.address, replica.id), "{copied:?}");
        Ok(())
    });
    demoted.await?;
    follows(cluster, primary, replica).await
}
