//! What a node says of the cluster's state.

use wire::{Node, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::outcome::Outcome;

/// Waits until a node gives the cluster's state as `ok` or `fail`.
///
/// # Errors
/// A mismatch after the limit `converge`.
pub(super) async fn wait_for_state(cluster: &Cluster, node: &Node, wanted: &str) -> Outcome {
    cluster
        .until(cluster.limits().converge, "the node's cluster_state follows its slots", async || {
            let info = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
            let state = info.get("cluster_state").map_or("", String::as_str);
            ensure!(state == wanted, format!("cluster_state:{wanted}"), "cluster_state:{state}");
            Ok(())
        })
        .await
}
