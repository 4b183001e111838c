//! The `cluster_state` of a node.

use wire::{Node, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::outcome::Outcome;

/// Waits until a node reports this `cluster_state`: `ok` or `fail`.
///
/// # Errors
/// A mismatch after the limit `converge`.
pub(super) async fn wait_for_state(cluster: &Cluster, node: &Node, wanted: &str) -> Outcome {
    cluster
        .until(cluster.limits().converge, &format!("{} reports cluster_state:{wanted}", node.address), async || {
            let info = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
            let state = info.get("cluster_state").map_or("", String::as_str);
            ensure!(state == wanted, format!("cluster_state:{wanted} of {}", node.address), "cluster_state:{state}");
            Ok(())
        })
        .await
}
