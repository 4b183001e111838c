//! CLUSTER MEET.

use wire::{Node, NodeId, command};

use super::company::{acquainted, company, knows, meet, strangers};
use super::lines::refuses;
use super::own::own_line;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/meet-introduces-nodes")
        .title("After CLUSTER MEET with two nodes, all three know each other")
        .must("CLUSTER MEET")
        .covers(&["slot-admin.meet-ok"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(meet_introduces(cluster))),
    check("slot-admin/meet-again-is-harmless")
        .title("CLUSTER MEET with a node that is known already changes nothing")
        .should("CLUSTER MEET")
        .covers(&["slot-admin.meet-reliable"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(meet_again(cluster))),
    check("slot-admin/meet-refuses-wrong-addresses")
        .title("CLUSTER MEET refuses what is no address, no port, or no port of the cluster bus")
        .should("CLUSTER MEET")
        .covers(&["slot-admin.meet-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(meet_refuses(cluster))),
    check("slot-admin/meet-uses-the-bus-port")
        .title("CLUSTER MEET reaches a node through the bus port that it names, whatever the other port is")
        .should("CLUSTER MEET")
        .covers(&["slot-admin.meet-bus-port"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(meet_uses_the_bus_port(cluster))),
];

const WRONG: &[&str] = &[
    "CLUSTER MEET no-address 7000",
    "CLUSTER MEET 127.0.0.1.1 7000",
    "CLUSTER MEET ::g 7000",
    "CLUSTER MEET \"\" 7000",
    "CLUSTER MEET 127.0.0.1 0",
    "CLUSTER MEET 127.0.0.1 -1",
    "CLUSTER MEET 127.0.0.1 65536",
    "CLUSTER MEET 127.0.0.1 port",
    // The bus port would be 70000.
    "CLUSTER MEET 127.0.0.1 60000",
    "CLUSTER MEET 127.0.0.1 7000 65536",
    "CLUSTER MEET 127.0.0.1 7000 -1",
    "CLUSTER MEET 127.0.0.1 7000 bus",
];

async fn meet_introduces(cluster: &Cluster) -> Outcome {
    let nodes: [Node; 3] = strangers(cluster).await?;
    let [first, second, third] = &nodes;
    acquainted(cluster, &nodes, async || {
        // The second and the third node hear of each other from the first one.
        for other in [second, third] {
            cluster.expect(first, meet(other), Expect::Ok).await?;
        }
        Ok(())
    })
    .await
}

/// How many more times the check sends MEET to each node.
const MEETINGS: usize = 5;

async fn meet_again(cluster: &Cluster) -> Outcome {
    let nodes: [Node; 2] = company(cluster).await?;
    let [one, other] = &nodes;
    let mut expected: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
    expected.sort();
    for _ in 0..MEETINGS {
        for (from, to) in [(one, other), (other, one)] {
            cluster.expect(from, meet(to), Expect::Ok).await?;
            knows(cluster, from, &expected).await?;
        }
    }
    let counted = cluster.until(cluster.limits().converge, "both nodes know two nodes", async || {
        for node in &nodes {
            let info = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
            let count = or(info.get("cluster_known_nodes"), "missing");
            ensure!(count == "2", format!("cluster_known_nodes:2 of {}", node.address), "cluster_known_nodes:{count}");
            knows(cluster, node, &expected).await?;
        }
        Ok(())
    });
    counted.await
}

async fn meet_refuses(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    refuses(cluster, &node, &[], WRONG).await
}

/// A port at which no node of a test listens.
const NO_PORT: &str = "1";

async fn meet_uses_the_bus_port(cluster: &Cluster) -> Outcome {
    let nodes: [Node; 2] = strangers(cluster).await?;
    let [one, other] = &nodes;
    let bus_port = own_line(cluster, other).await?.bus_port;
    let bus_port = bus_port.ok_or_else(|| Stop::skip("the server shows no bus port in CLUSTER NODES"))?;
    let meet = command!["CLUSTER", "MEET", &other.address.host, NO_PORT, bus_port.to_string()];
    acquainted(cluster, &nodes, async || cluster.expect(one, &meet, Expect::Ok).await.map(drop)).await
}
