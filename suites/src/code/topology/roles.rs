//! Shard ids after changes of roles.

use wire::{Node, command};

use super::ids::my_shard_id;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::or;

pub(super) const CHECKS: &[CodeCheck] = &[check("topology/shard-id-follows-the-primary")
    .title("A promoted replica keeps its shard id, and a node that gets another primary takes its shard id")
    .should("CLUSTER MYSHARDID")
    .covers(&["topology.myshardid-follows-replicate"])
    .shape(2, 1)
    .needs(&[Need::ChangeRoles])
    .commands(&["CLUSTER MYSHARDID"])
    .servers(&["redis >=7.2", "valkey"])
    .body(|cluster| Box::pin(shard_id_follows_the_primary(cluster)))];

async fn shard_id_follows_the_primary(cluster: &Cluster) -> Outcome {
    let old = cluster.some_primary()?;
    let new = cluster.replica_of(&old)?;
    let other = cluster.non_owner(cluster.slot_of(&old)?)?;
    let id = my_shard_id(cluster, &old).await?;
    cluster.failover(&new, None).await?;
    for node in [&new, &old] {
        let after = my_shard_id(cluster, node).await?;
        ensure!(after == id, format!("the shard id {id} of {} after the failover, as before", node.address), "{after}");
    }
    replicate(cluster, &old, &other).await?;
    replicate(cluster, &old, &new).await
}

/// Makes a node a replica of a primary, and waits until it has the shard id of the primary and all nodes agree.
async fn replicate(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    cluster.expect(replica, command!["CLUSTER", "REPLICATE", primary.id], Expect::Ok).await?;
    let look = async || {
        let (own, wanted) = (my_shard_id(cluster, replica).await?, my_shard_id(cluster, primary).await?);
        ensure!(
            own == wanted,
            format!("the shard id {wanted} of {}, as of its primary {}", replica.address, primary.address),
            "{own}"
        );
        let view = cluster.live().agreed_view().await?;
        let copied = view.node(&replica.id).and_then(|node| node.primary);
        ensure!(
            copied == Some(primary.id),
            format!("{} as a replica of {}", replica.address, primary.id),
            "{}",
            or(copied, "a primary")
        );
        cluster.live().set_topology(view);
        Ok(())
    };
    cluster.until(cluster.limits().converge, "the replica has the shard id of its new primary", look).await
}
