//! A node keeps what it knows of itself and of its cluster when it restarts.

use std::fmt::Write;

use wire::{Node, Topology, command};

use crate::cluster::Cluster;
use crate::code::topology::{cluster_info, number};
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::line;

pub(super) const CHECKS: &[CodeCheck] = &[check("consistency/survives-restart")
    .title("A killed primary and a stopped replica know the same cluster after their restart as before")
    .must("how-nodes-rejoin-the-cluster")
    .covers(&["consistency.survives-restart", "topology.myid-stable", "topology.myshardid"])
    .shape(2, 1)
    .needs(&[Need::KillNode, Need::RestartNode, Need::SetConfig])
    .body(|cluster| Box::pin(survives_restart(cluster)))];

async fn survives_restart(cluster: &Cluster) -> Outcome {
    cluster.refresh().await?;
    let primary = cluster.some_primary()?;
    let replicas = cluster.replicas_of(&primary);
    for replica in &replicas {
        // No replica may take over, however long the primary takes to return.
        cluster.set_config(replica, "cluster-replica-no-failover", "yes").await?;
    }
    let before = knowledge(cluster, &primary).await?;
    cluster.kill(&primary).await?;
    cluster.restart(&primary, Restart::WithData).await?;
    same_again(cluster, &primary, &before).await?;
    for replica in &replicas {
        let before = knowledge(cluster, replica).await?;
        cluster.stop(replica).await?;
        cluster.restart(replica, Restart::WithData).await?;
        same_again(cluster, replica, &before).await?;
    }
    Ok(())
}

async fn same_again(cluster: &Cluster, node: &Node, before: &str) -> Outcome {
    let after = knowledge(cluster, node).await?;
    ensure!(after == before, format!("on {} after its restart as before: {before}", node.address), "{after}");
    let look = async || {
        let expected = describe(&cluster.topology());
        for viewer in cluster.nodes() {
            let view = cluster.view_of(&viewer).await?;
            let seen = describe(&view);
            ensure!(seen == expected, format!("in CLUSTER NODES of {}: {expected}", viewer.address), "{seen}");
            let back =
                view.node(&node.id).is_some_and(|seen| seen.is_usable() && !seen.is_suspected() && seen.connected);
            ensure!(
                back,
                format!("{} working and connected in CLUSTER NODES of {}", node.address, viewer.address),
                "{}",
                line(view.node(&node.id))
            );
        }
        Ok(())
    };
    cluster.until(cluster.limits().restart, "all nodes see the node as before", look).await
}

/// What a node knows of itself and of the others: ids, addresses, roles, slots and epochs.
async fn knowledge(cluster: &Cluster, node: &Node) -> Outcome<String> {
    let text = Expect::Kind(Kind::Text);
    let mut known = cluster.expect(node, command!["CLUSTER", "MYID"], text.clone()).await?.to_string();
    if cluster.may_have("CLUSTER MYSHARDID").await? && !cluster.server().is("redis <7.2") {
        let shard = cluster.expect(node, command!["CLUSTER", "MYSHARDID"], text).await?;
        // Writing to a string does not fail.
        let _written = write!(known, " of shard {shard}");
    }
    let info = cluster_info(cluster, node).await?;
    let current = number(&info, "cluster_current_epoch", node)?;
    let own = number(&info, "cluster_my_epoch", node)?;
    let _written = write!(known, ", epochs {current} and {own}, {}", describe(&cluster.view_of(node).await?));
    Ok(known)
}

fn describe(view: &Topology) -> String {
    let mut nodes: Vec<String> =
        view.nodes.iter().map(|node| format!("{} at {} epoch {}", node.id, node.address, node.config_epoch)).collect();
    nodes.sort();
    format!("{}; {}", nodes.join(", "), view.signature().trim_end().replace('\n', "; "))
}
