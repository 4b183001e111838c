//! Small groups of empty nodes beside the cluster, whose nodes know each other and nobody else.

use std::time::{Duration, Instant};

use wire::{Command, Node, NodeId, command};

use super::own::{known, own_line};
use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, list, or};

/// Borrows empty nodes and introduces each to each.
///
/// They have different epochs, because primaries with the same one would soon change theirs.
pub(super) async fn company<const N: usize>(cluster: &Cluster) -> Outcome<[Node; N]> {
    let nodes: [Node; N] = strangers(cluster).await?;
    for (index, node) in nodes.iter().enumerate() {
        let epoch = (index + 1).to_string();
        cluster.expect(node, command!["CLUSTER", "SET-CONFIG-EPOCH", epoch], Expect::Ok).await?;
    }
    acquainted(cluster, &nodes, async || {
        for (index, node) in nodes.iter().enumerate() {
            for other in &nodes[index + 1..] {
                cluster.expect(node, meet(other), Expect::Ok).await?;
            }
        }
        Ok(())
    })
    .await?;
    let told = cluster.until(cluster.limits().converge, "the new nodes know each other's epochs", async || {
        for node in &nodes {
            let view = cluster.view_of(node).await?;
            for (epoch, other) in (1..).zip(&nodes) {
                let found = view.node(&other.id).map(|seen| seen.config_epoch);
                let expected = format!("the epoch {epoch} of {} in CLUSTER NODES of {}", other.id, node.address);
                ensure!(found == Some(epoch), expected, "{}", or(found, "no such node"));
            }
        }
        Ok(())
    });
    told.await?;
    Ok(nodes)
}

/// Borrows empty nodes that do not know each other.
pub(super) async fn strangers<const N: usize>(cluster: &Cluster) -> Outcome<[Node; N]> {
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(cluster.empty_node().await?);
    }
    nodes.try_into().map_err(|_| Stop::broken("rct could not count its empty nodes"))
}

/// CLUSTER MEET with the address of a node.
pub(super) fn meet(node: &Node) -> Command {
    command!["CLUSTER", "MEET", &node.address.host, node.address.port.to_string()]
}

/// Calls `introduce`, and waits until each of the nodes knows exactly these nodes, and has a link to each.
///
/// It is called again after each node timeout: servers then silently give up a handshake that a busy machine delays.
pub(super) async fn acquainted(
    cluster: &Cluster,
    nodes: &[Node],
    mut introduce: impl AsyncFnMut() -> Outcome,
) -> Outcome {
    let mut expected: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
    expected.sort();
    let mut introduced: Option<Instant> = None;
    cluster
        .until(cluster.limits().converge, "the new nodes know each other", async || {
            if introduced.is_none_or(|at| at.elapsed() >= cluster.limits().node_timeout) {
                introduce().await?;
                introduced = Some(Instant::now());
            }
            for node in nodes {
                knows(cluster, node, &expected).await?;
                let view = cluster.view_of(node).await?;
                let cut_off = view.nodes.iter().find(|other| !other.is_myself() && !other.connected);
                ensure!(cut_off.is_none(), format!("links of {} to all nodes", node.address), "{}", line(cut_off));
            }
            Ok(())
        })
        .await
}

/// How long a check waits for what nodes must not hear from each other.
///
/// Each node hears from each other one in half of a node timeout (cluster specification, "Heartbeat"). After a whole one,
/// Valkey since 8.1 introduces a node again that has forgotten its peer: see the check `forgotten-node-stays-away`.
pub(super) fn hearsay(cluster: &Cluster) -> Duration {
    cluster.limits().node_timeout * 3 / 4
}

/// Requires that a node knows exactly the nodes with these ids, which are in order.
pub(super) async fn knows(cluster: &Cluster, node: &Node, expected: &[NodeId]) -> Outcome {
    let found = known(cluster, node).await?;
    let of = format!("the nodes {} in CLUSTER NODES of {}", list(expected), node.address);
    ensure!(found == expected, of, "{}", list(&found));
    Ok(())
}

/// Makes an empty node a replica of another one, and waits until both say so.
pub(super) async fn replicate(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    cluster.expect(replica, command!["CLUSTER", "REPLICATE", primary.id], Expect::Ok).await?;
    let what = "both nodes know the new replica";
    cluster
        .until(cluster.limits().converge, what, async || {
            for node in [replica, primary] {
                let found = cluster.view_of(node).await?.node(&replica.id).and_then(|seen| seen.primary);
                ensure!(
                    found == Some(primary.id),
                    format!("{} as a replica of {} in CLUSTER NODES of {}", replica.address, primary.id, node.address),
                    "{}",
                    or(found, "a primary")
                );
            }
            Ok(())
        })
        .await
}

/// Requires that a node is a primary without slots that knows only itself.
pub(super) async fn alone(cluster: &Cluster, node: &Node, id: NodeId) -> Outcome {
    let own = own_line(cluster, node).await?;
    let is_empty = own.id == id && own.primary.is_none() && own.has_flag("master") && own.slots.is_empty();
    ensure!(is_empty, format!("{} as a primary without slots with the id {id}", node.address), "{}", line(Some(&own)));
    knows(cluster, node, &[id]).await
}
