//! Clients that wait at a blocking command.

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::outcome::Outcome;
use crate::session::Session;

/// Sends each command on a connection of its own, and waits until the node has blocked all of them.
pub(super) async fn block(cluster: &Cluster, node: &Node, commands: &[Command]) -> Outcome<Vec<Session>> {
    let before = blocked(cluster, node).await?;
    let mut clients = Vec::new();
    for command in commands {
        let mut client = cluster.session(node).await?;
        client.send(command).await?;
        clients.push(client);
    }
    wait_for_blocked(cluster, node, before + clients.len() as u64).await?;
    Ok(clients)
}

/// Waits until this many clients or more are blocked on a node.
pub(super) async fn wait_for_blocked(cluster: &Cluster, node: &Node, wanted: u64) -> Outcome {
    cluster
        .until(cluster.limits().reply, "all clients are blocked", async || {
            let found = blocked(cluster, node).await?;
            ensure!(
                found >= wanted,
                format!("blocked_clients:{wanted} or more of {}", node.address),
                "blocked_clients:{found}"
            );
            Ok(())
        })
        .await
}

/// The number of clients that are blocked on a node.
pub(super) async fn blocked(cluster: &Cluster, node: &Node) -> Outcome<u64> {
    let info = cluster.info(node, &command!["INFO", "clients"]).await?;
    Ok(info.get("blocked_clients").and_then(|count| count.parse().ok()).unwrap_or(0))
}
