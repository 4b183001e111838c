//! Many messages to shard channels, and messages and channels of any bytes.

use wire::{Command, command};

use crate::cluster::Cluster;
use crate::code::messages::{arrives, odd_payloads};
use crate::code_check::{CodeCheck, check};
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("sharded-pubsub/messages-keep-their-order")
        .title("Every shard subscriber of the owner and its replicas gets all messages of one connection once, in order")
        .must("SPUBLISH")
        .covers(&["sharded-pubsub.deliver"])
        .shape(2, 1)
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(messages_keep_their_order(cluster))),
    check("sharded-pubsub/any-bytes-arrive")
        .title("Shard channels and payloads of any bytes, also empty payloads, arrive unchanged on the owner and its replicas")
        .must("SPUBLISH")
        .covers(&["sharded-pubsub.deliver"])
        .shape(2, 1)
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(any_bytes_arrive(cluster))),
];

/// The messages that one connection publishes.
const MESSAGES: usize = 1_000;

/// Publishes payloads on the owner of a channel, and requires that each subscriber of its shard gets exactly them.
async fn all_arrive(cluster: &Cluster, channel: &[u8], payloads: &[Vec<u8>]) -> Outcome {
    let owner = cluster.owner(wire::Slot::of(channel))?;
    let mut sessions: Vec<Session> = Vec::new();
    for node in [owner.clone()].iter().chain(&cluster.replicas_of(&owner)) {
        let mut session = cluster.session(node).await?;
        session.expect(command!["SSUBSCRIBE", channel], Expect::Kind(Kind::Array)).await?;
        sessions.push(session);
    }
    let publish = |payload: &Vec<u8>| (command!["SPUBLISH", channel, payload], Expect::Integer(1));
    let sent: Vec<(Command, Expect)> = payloads.iter().map(publish).collect();
    cluster.expect_all(&owner, &sent).await?;
    for session in &mut sessions {
        for payload in payloads {
            arrives(session, "smessage", channel, payload).await?;
        }
        session.expect_no_push().await?;
    }
    Ok(())
}

async fn messages_keep_their_order(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let channel = cluster.keys().named(cluster.slot_of(&owner)?, "channel");
    let payloads: Vec<Vec<u8>> = (0..=MESSAGES).map(|number| number.to_string().into_bytes()).collect();
    all_arrive(cluster, channel.as_bytes(), &payloads).await
}

async fn any_bytes_arrive(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let tagged = cluster.keys().named(cluster.slot_of(&owner)?, "channel");
    // The hash tag stands first, so the bytes after it do not change the slot.
    let channel = [tagged.into_bytes(), odd_payloads().concat()].concat();
    all_arrive(cluster, &channel, &odd_payloads()).await
}
