//! Keyspace notifications, a cluster that is down, and messages larger than the bus may hold back.

use wire::{Node, command};

use crate::cluster::Cluster;
use crate::code::gap::Gap;
use crate::code::messages::message;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("pubsub/keyspace-events-stay-on-their-shard")
        .title("A write notifies subscribers on the owner and its replicas, but none on other shards")
        .must("keyspace-notifications")
        .covers(&["pubsub.keyspace-events-local"])
        .shape(2, 1)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(keyspace_events_stay_on_their_shard(cluster))),
    check("pubsub/works-while-the-cluster-is-down")
        .title("SUBSCRIBE and PUBLISH work on a node that reports the cluster as down, in both directions")
        .should("publishsubscribe")
        .covers(&["pubsub.works-when-down"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(works_while_the_cluster_is_down(cluster))),
    check("pubsub/oversized-message-harms-nobody")
        .title("A message that exceeds cluster-link-sendbuf-limit may be lost, but all nodes live on and later messages arrive")
        .should("publishsubscribe")
        .covers(&["pubsub.oversized"])
        .shape(2, 1)
        .needs(&[Need::SetConfig, Need::RiskNode])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(oversized_message_harms_nobody(cluster))),
];

/// The limit on what a node keeps for another one, in bytes, and a payload that exceeds it.
const LINK_LIMIT: &str = "65536";
const OVERSIZED: usize = 2 << 20;

/// A subscriber on a node.
async fn subscriber(cluster: &Cluster, node: &Node, channels: &[&str]) -> Outcome<Session> {
    let mut session = cluster.session(node).await?;
    for channel in channels {
        session.expect(command!["SUBSCRIBE", channel], Expect::NoError).await?;
    }
    Ok(session)
}

async fn keyspace_events_stay_on_their_shard(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let replica = cluster.replica_of(&owner)?;
    let slot = cluster.slot_of(&owner)?;
    let (key, end) = (cluster.keys().fresh(slot), cluster.keys().plain());
    let event = format!("__keyspace@0__:{key}");
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for node in cluster.nodes() {
        cluster.set_config(&node, "notify-keyspace-events", "KEA").await?;
        let session = subscriber(cluster, &node, &[&event, &end]).await?;
        let is_inside = node.id == owner.id || node.primary == Some(owner.id);
        (if is_inside { &mut inside } else { &mut outside }).push(session);
    }
    for (write, name) in [(command!["SET", &key, "v"], "set"), (command!["EXPIRE", &key, "100"], "expire")] {
        cluster.expect(&owner, write, Expect::NoError).await?;
        for session in &mut inside {
            session.expect_push(message("message", &event, name)).await?;
        }
    }
    // A node's messages keep their order, so an event that a node had sent to others would come before this.
    for node in [&owner, &replica] {
        cluster.expect(node, command!["PUBLISH", &end, node.id.as_str()], Expect::Integer(1)).await?;
        for session in inside.iter_mut().chain(&mut outside) {
            session.expect_push(message("message", &end, node.id.as_str())).await?;
        }
    }
    Ok(())
}

async fn works_while_the_cluster_is_down(cluster: &Cluster) -> Outcome {
    let channel = cluster.keys().plain();
    let gap = Gap::with_cluster_down(cluster).await?;
    let other = cluster.non_owner(gap.kept)?;
    let mut here = subscriber(cluster, &gap.node, &[&channel]).await?;
    let mut there = subscriber(cluster, &other, &[&channel]).await?;
    for (node, payload) in [(&gap.node, "from the node that is down"), (&other, "to the node that is down")] {
        cluster.expect(node, command!["PUBLISH", &channel, payload], Expect::Integer(1)).await?;
        here.expect_push(message("message", &channel, payload)).await?;
        there.expect_push(message("message", &channel, payload)).await?;
    }
    gap.close(cluster).await
}

async fn oversized_message_harms_nobody(cluster: &Cluster) -> Outcome {
    let channel = cluster.keys().plain();
    let publisher = cluster.some_primary()?;
    let nodes = cluster.nodes();
    cluster.set_config(&publisher, "cluster-link-sendbuf-limit", LINK_LIMIT).await?;
    let payload = cluster.random_bytes(OVERSIZED);
    for _ in 0..2 {
        cluster.call(&publisher, command!["PUBLISH", &channel, &payload]).await?;
    }
    for node in &nodes {
        cluster.expect(node, command!["PING"], Expect::text("PONG")).await?;
    }
    cluster.refresh().await?;
    // The publisher opens closed links again by itself.
    let mut number = 0;
    cluster
        .until(cluster.limits().converge, "a message of the publisher reaches every node again", async || {
            number += 1;
            let (end, payload) = (format!("{channel}:{number}"), number.to_string());
            let mut sessions = Vec::new();
            for node in &nodes {
                sessions.push(subscriber(cluster, node, &[&end]).await?);
            }
            cluster.expect(&publisher, command!["PUBLISH", &end, &payload], Expect::Integer(1)).await?;
            for session in &mut sessions {
                let push = session.next_push(cluster.limits().node_timeout).await?;
                let is_there = push.as_ref().is_some_and(|push| message("message", &end, &payload).admits(push));
                ensure!(is_there, format!("the message {payload} on {}", session.address()), "no such message");
            }
            Ok(())
        })
        .await
}
