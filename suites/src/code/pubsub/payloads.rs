//! Many messages, and messages with odd or large contents, between all nodes.

use wire::{Command, Node, Value, bytes_of, command, items_of};

use crate::cluster::Cluster;
use crate::code::messages::{arrives, odd_payloads};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("pubsub/messages-keep-their-order")
        .title("Every subscriber gets all messages of one connection in order, each of them once, on every node")
        .should("publishsubscribe")
        .covers(&["pubsub.order-per-publisher", "pubsub.once-per-subscriber"])
        .shape(2, 1)
        .body(|cluster| Box::pin(messages_keep_their_order(cluster))),
    check("pubsub/any-bytes-arrive")
        .title("Channels and payloads of any bytes, also empty ones, arrive unchanged on every node")
        .must("publishsubscribe")
        .covers(&["pubsub.binary-payload"])
        .shape(2, 1)
        .body(|cluster| Box::pin(any_bytes_arrive(cluster))),
    check("pubsub/large-payload-arrives")
        .title("A payload of 1 MiB arrives whole on every node")
        .should("publishsubscribe")
        .covers(&["pubsub.large-payload"])
        .shape(2, 1)
        .body(|cluster| Box::pin(large_payload_arrives(cluster))),
];

/// The messages that one connection publishes.
const MESSAGES: usize = 1_000;
/// The size of the large payload, in bytes.
const LARGE: usize = 1 << 20;

/// A subscriber on each node.
async fn subscribers(cluster: &Cluster, channel: &[u8]) -> Outcome<Vec<Session>> {
    let mut sessions = Vec::new();
    for node in cluster.visited() {
        let mut session = cluster.session(&node).await?;
        session.expect(command!["SUBSCRIBE", channel], Expect::Kind(Kind::Array)).await?;
        sessions.push(session);
    }
    Ok(sessions)
}

fn publish(channel: &[u8], payload: &[u8]) -> Command {
    command!["PUBLISH", channel, payload]
}

async fn messages_keep_their_order(cluster: &Cluster) -> Outcome {
    let channel = cluster.keys().plain();
    let mut sessions = subscribers(cluster, channel.as_bytes()).await?;
    let publisher = cluster.some_visited_primary()?;
    let payloads: Vec<String> = (0..=MESSAGES).map(|number| number.to_string()).collect();
    let sent: Vec<(Command, Expect)> =
        payloads.iter().map(|payload| (publish(channel.as_bytes(), payload.as_bytes()), Expect::Integer(1))).collect();
    cluster.expect_all(&publisher, &sent).await?;
    for session in &mut sessions {
        for payload in &payloads {
            arrives(session, "message", channel.as_bytes(), payload.as_bytes()).await?;
        }
        session.expect_no_push().await?;
    }
    Ok(())
}

async fn any_bytes_arrive(cluster: &Cluster) -> Outcome {
    let payloads = odd_payloads();
    let channel = [cluster.keys().plain().into_bytes(), payloads.concat()].concat();
    let mut sessions = subscribers(cluster, &channel).await?;
    let publishers: [Node; 2] = {
        let first = cluster.some_visited_primary()?;
        let second = cluster.non_owner(cluster.slot_of(&first)?)?;
        [first, second]
    };
    for publisher in &publishers {
        for payload in &payloads {
            cluster.expect(publisher, publish(&channel, payload), Expect::Integer(1)).await?;
        }
        for session in &mut sessions {
            for payload in &payloads {
                arrives(session, "message", &channel, payload).await?;
            }
        }
    }
    let list = command!["PUBSUB", "CHANNELS", [cluster.keys().plain().as_bytes(), b"*"].concat()];
    let channels = cluster.expect(&publishers[0], list, Expect::Length(1)).await?;
    let listed = items_of(channels.value()).and_then(<[Value]>::first).and_then(bytes_of);
    ensure!(listed == Some(&channel[..]), "the channel in PUBSUB CHANNELS with all its bytes", "{channels}");
    Ok(())
}

async fn large_payload_arrives(cluster: &Cluster) -> Outcome {
    let channel = cluster.keys().plain();
    let mut sessions = subscribers(cluster, channel.as_bytes()).await?;
    let payload = cluster.random_bytes(LARGE);
    let publisher = cluster.some_visited_primary()?;
    let replica = cluster.replica_of(&publisher)?;
    for node in [&publisher, &replica] {
        let sent = publish(channel.as_bytes(), &payload);
        let count = cluster.call(node, &sent).await?;
        if count.integer() != Some(1) {
            return Err(Stop::mismatch(format!("1 receiver on {}", node.address), count.to_string()));
        }
        for session in &mut sessions {
            arrives(session, "message", channel.as_bytes(), &payload).await?;
        }
    }
    Ok(())
}
