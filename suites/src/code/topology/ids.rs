//! CLUSTER MYID and CLUSTER MYSHARDID.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Node, NodeId, Protocol, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/myid-format")
        .title("CLUSTER MYID returns 40 lower-case hexadecimal digits")
        .must("CLUSTER MYID")
        .covers(&["topology.myid-format"])
        .body(|cluster| Box::pin(myid_format(cluster))),
    check("topology/myid-stable")
        .title("A node returns the same id each time, on every connection and in both protocols")
        .must("CLUSTER MYID")
        .covers(&["topology.myid-stable"])
        .body(|cluster| Box::pin(myid_stable(cluster))),
    check("topology/myid-survives-soft-reset")
        .title("A node keeps its id after CLUSTER RESET SOFT")
        .must("CLUSTER RESET")
        .covers(&["topology.myid-stable"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(myid_survives_soft_reset(cluster))),
    check("topology/myid-unique")
        .title("No two nodes of a cluster have the same id")
        .must("cluster-node-attributes")
        .covers(&["topology.myid-unique"])
        .shape(2, 0)
        .body(|cluster| Box::pin(myid_unique(cluster))),
    check("topology/myid-matches-nodes")
        .title("CLUSTER MYID returns the id of the line with the flag myself in CLUSTER NODES")
        .must("CLUSTER NODES")
        .covers(&["topology.myid-matches-nodes"])
        .body(|cluster| Box::pin(myid_matches_nodes(cluster))),
    check("topology/myshardid")
        .title("CLUSTER MYSHARDID returns a 40-character id that only a primary and its replicas share")
        .must("CLUSTER MYSHARDID")
        .covers(&["topology.myshardid"])
        .shape(2, 1)
        .commands(&["CLUSTER MYSHARDID"])
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(myshardid(cluster))),
];

async fn myid_format(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        my_id(cluster, &node).await?;
    }
    Ok(())
}

async fn myid_stable(cluster: &Cluster) -> Outcome {
    const CONNECTIONS: usize = 3;
    for node in cluster.visited() {
        let id = Expect::text(my_id(cluster, &node).await?.as_str());
        for _ in 0..CONNECTIONS {
            for protocol in [Protocol::Resp2, Protocol::Resp3] {
                let mut session = cluster.session_in(&node, protocol).await?;
                let ask = || (command!["CLUSTER", "MYID"], id.clone());
                session.expect_all(&[ask(), ask()]).await?;
            }
        }
    }
    Ok(())
}

async fn myid_survives_soft_reset(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    let sent = [
        (command!["CLUSTER", "ADDSLOTS", "1"], Expect::Ok),
        (command!["CLUSTER", "RESET", "SOFT"], Expect::Ok),
        // That the slot is gone shows that there was a reset at all.
        (command!["CLUSTER", "SLOTS"], Expect::Length(0)),
        (command!["CLUSTER", "MYID"], Expect::text(node.id.as_str())),
    ];
    cluster.expect_all(&node, &sent).await?;
    Ok(())
}

async fn myid_unique(cluster: &Cluster) -> Outcome {
    let mut seen: BTreeMap<NodeId, Node> = BTreeMap::new();
    for node in cluster.visited() {
        let id = my_id(cluster, &node).await?;
        if let Some(other) = seen.insert(id, node.clone()) {
            return Err(Stop::mismatch(
                "a different id from CLUSTER MYID of each node",
                format!("{id} from {} and {}", other.address, node.address),
            ));
        }
    }
    Ok(())
}

async fn myid_matches_nodes(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let id = my_id(cluster, &node).await?;
        let view = cluster.view_of(&node).await?;
        let myself = view.myself().map(|myself| myself.id);
        ensure!(
            myself == Some(id),
            format!("the flag myself on the line of {id} in CLUSTER NODES of {}", node.address),
            "{}",
            or(myself, "no line with this flag")
        );
        ensure!(
            id == node.id,
            format!("{} from CLUSTER MYID of {}, as other nodes know it", node.id, node.address),
            "{id}"
        );
    }
    Ok(())
}

async fn myshardid(cluster: &Cluster) -> Outcome {
    let mut shards: BTreeMap<NodeId, String> = BTreeMap::new();
    for node in cluster.visited() {
        let id = my_shard_id(cluster, &node).await?;
        let primary = node.primary.unwrap_or(node.id);
        let known = shards.entry(primary).or_insert_with(|| id.clone());
        ensure!(
            *known == id,
            format!("the shard id {known} of {}, as of other nodes of its shard", node.address),
            "{id}"
        );
    }
    let different: BTreeSet<&String> = shards.values().collect();
    ensure!(
        different.len() == shards.len(),
        "a different shard id for each shard",
        "{}",
        list(shards.iter().map(|(primary, id)| format!("{id} of {primary}")))
    );
    Ok(())
}

/// The reply of a node to CLUSTER MYID.
pub(super) async fn my_id(cluster: &Cluster, node: &Node) -> Outcome<NodeId> {
    let reply = cluster.expect(node, command!["CLUSTER", "MYID"], Expect::Kind(Kind::Text)).await?;
    let text = reply.text().unwrap_or_default();
    text.parse().map_err(|_| {
        Stop::mismatch(
            format!("40 lower-case hexadecimal digits from CLUSTER MYID of {}", node.address),
            format!("{text:?}"),
        )
    })
}

/// The reply of a node to CLUSTER MYSHARDID.
pub(super) async fn my_shard_id(cluster: &Cluster, node: &Node) -> Outcome<String> {
    let reply = cluster.expect(node, command!["CLUSTER", "MYSHARDID"], Expect::Kind(Kind::Text)).await?;
    let id = reply.text().unwrap_or_default().into_owned();
    let characters = id.chars().filter(char::is_ascii_alphanumeric).count();
    ensure!(
        id.len() == 40 && characters == 40,
        format!("40 letters and digits from CLUSTER MYSHARDID of {}", node.address),
        "{id:?}"
    );
    Ok(id)
}
