//! The views of all nodes agree.

use std::collections::BTreeMap;

use wire::{Node, Topology, command};

use crate::cluster::Cluster;
use crate::code::topology::{cluster_info, number};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::outcome::Outcome;
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("consistency/across-nodes")
        .title("All nodes agree on the address, role, primary and slots of each node")
        .must("hash-slots-configuration-propagation")
        .covers(&["consistency.across-nodes"])
        .shape(2, 0)
        .body(|cluster| Box::pin(across_nodes(cluster))),
    check("consistency/epochs-agree")
        .title("All nodes agree on the current epoch and on the config epoch of each primary")
        .must("cluster-current-epoch")
        .covers(&["consistency.epoch-agreement"])
        .shape(2, 0)
        .body(|cluster| Box::pin(epochs_agree(cluster))),
    check("consistency/replication-follows-the-cluster")
        .title("Each replica replicates the primary that CLUSTER NODES names, and each primary counts those replicas")
        .should("INFO")
        .covers(&["consistency.replication-vs-cluster"])
        .shape(2, 1)
        .body(|cluster| Box::pin(replication_follows_the_cluster(cluster))),
];

async fn across_nodes(cluster: &Cluster) -> Outcome {
    let expected = describe(&cluster.topology());
    let look = async || {
        for node in cluster.nodes() {
            let found = describe(&cluster.live().in_use(cluster.view_of(&node).await?));
            ensure!(found == expected, format!("in CLUSTER NODES of {}: {expected}", node.address), "{found}");
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "all nodes report the same view", look).await
}

/// The addresses of all nodes, and their roles, primaries and slots.
fn describe(view: &Topology) -> String {
    let addresses: BTreeMap<_, _> = view.nodes.iter().map(|node| (node.id, node.address.to_string())).collect();
    let addresses: Vec<String> = addresses.iter().map(|(id, address)| format!("{id} {address}")).collect();
    format!("{}; {}", addresses.join(", "), view.signature().trim_end().replace('\n', "; "))
}

async fn epochs_agree(cluster: &Cluster) -> Outcome {
    let look = async || {
        let mut first: Option<(Node, String)> = None;
        for node in cluster.visited() {
            let view = cluster.live().in_use(cluster.view_of(&node).await?);
            let current = number(&cluster_info(cluster, &node).await?, "cluster_current_epoch", &node)?;
            let epochs: BTreeMap<_, _> = view.primaries().map(|node| (node.id, node.config_epoch)).collect();
            let listed = list(epochs.iter().map(|(id, epoch)| format!("{epoch} of {id}")));
            ensure!(
                epochs.values().all(|epoch| *epoch <= current),
                format!("no config epoch above the current epoch {current} in CLUSTER NODES of {}", node.address),
                "{listed}"
            );
            let found = format!("the current epoch {current} and the config epochs {listed}");
            match &first {
                None => first = Some((node, found)),
                Some((other, expected)) => ensure!(
                    found == *expected,
                    format!("on {}, as on {}, {expected}", node.address, other.address),
                    "{found}"
                ),
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "all nodes report the same epochs", look).await
}

async fn replication_follows_the_cluster(cluster: &Cluster) -> Outcome {
    let look = async || {
        for node in cluster.visited() {
            let info = cluster.info(&node, &command!["INFO", "replication"]).await?;
            let field = |name: &str| info.get(name).map_or("none", String::as_str);
            let view = cluster.view_of(&node).await?;
            match node.primary.and_then(|id| view.node(&id)) {
                Some(primary) => {
                    let copied = format!("{}:{}", field("master_host"), field("master_port"));
                    let ports = cluster.replication_ports(&node, &primary.address).await;
                    let is_known = |port: &u16| copied == format!("{}:{port}", primary.address.host);
                    ensure!(
                        ports.iter().any(is_known),
                        format!("{} to replicate {}, as in its CLUSTER NODES", node.address, primary.address),
                        "{copied} in its INFO"
                    );
                }
                None => {
                    let count = view.replicas_of(&node.id).count();
                    // A replica that rct left out may be connected all the same.
                    let most = cluster.whole_view_of(&node).await?.replicas_of(&node.id).count();
                    ensure!(
                        field("connected_slaves").parse().is_ok_and(|connected| (count..=most).contains(&connected)),
                        format!("connected_slaves:{count} of {}, as in its CLUSTER NODES", node.address),
                        "connected_slaves:{}",
                        field("connected_slaves")
                    );
                }
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().replicate, "replication agrees with CLUSTER NODES", look).await
}
