//! Subscriptions that end because a node gives up a slot by itself, forgets its cluster, or changes its primary.

use wire::{Node, Protocol, Slot, command};

use crate::cluster::Cluster;
use crate::code::failover::participants::attach;
use crate::code::gap::Gap;
use crate::code::messages::{confirmation, message};
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("sharded-pubsub/delslots-ends-subscriptions")
        .title("CLUSTER DELSLOTS sends sunsubscribe to the subscribers of the deleted slot, and only to them")
        .should("SSUBSCRIBE")
        .covers(&["sharded-pubsub.delslots-unsubscribe"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(delslots_ends_subscriptions(cluster))),
    check("sharded-pubsub/reset-ends-subscriptions")
        .title("CLUSTER RESET sends sunsubscribe for each shard channel of the node")
        .should("SSUBSCRIBE")
        .covers(&["sharded-pubsub.reset-unsubscribe"])
        .needs(&[Need::FreshNode])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(reset_ends_subscriptions(cluster))),
    check("sharded-pubsub/another-primary-ends-subscriptions")
        .title("A replica that gets another primary sends sunsubscribe for each shard channel of its old shard")
        .should("SSUBSCRIBE")
        .covers(&["sharded-pubsub.re-replicate-unsubscribe"])
        .shape(2, 1)
        .needs(&[Need::ChangeRoles])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(another_primary_ends_subscriptions(cluster))),
];

/// A subscriber of a channel in each of these slots, in both protocols.
async fn subscribers(cluster: &Cluster, node: &Node, channels: &[&str]) -> Outcome<Vec<Session>> {
    let mut sessions = Vec::new();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(node, protocol).await?;
        for (channel, count) in channels.iter().zip(1..) {
            session.expect(command!["SSUBSCRIBE", channel], confirmation("ssubscribe", channel, count)).await?;
        }
        sessions.push(session);
    }
    Ok(sessions)
}

async fn delslots_ends_subscriptions(cluster: &Cluster) -> Outcome {
    let gap = Gap::with_cluster_up(cluster).await?;
    let (lost, kept) = (cluster.keys().named(gap.lost, "lost"), cluster.keys().named(gap.kept, "kept"));
    // The gap is closed for as long as it takes to subscribe.
    cluster.expect(&gap.node, command!["CLUSTER", "ADDSLOTS", gap.lost.to_string()], Expect::Ok).await?;
    let mut sessions = subscribers(cluster, &gap.node, &[&kept, &lost]).await?;
    cluster.expect(&gap.node, command!["CLUSTER", "DELSLOTS", gap.lost.to_string()], Expect::Ok).await?;
    cluster.expect(&gap.node, command!["SPUBLISH", &kept, "still"], Expect::Integer(2)).await?;
    for session in &mut sessions {
        session.expect_push(confirmation("sunsubscribe", &lost, 1)).await?;
        session.expect_push(message("smessage", &kept, "still")).await?;
        session.expect_no_push().await?;
    }
    gap.close(cluster).await
}

async fn reset_ends_subscriptions(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    let slot = cluster.slot_of(&cluster.some_primary()?)?;
    let other = Slot::new((slot.number() + 1) % (Slot::MAX.number() + 1)).unwrap_or(slot);
    let channels = [cluster.keys().named(slot, "one"), cluster.keys().named(other, "two")];
    let add = command!["CLUSTER", "ADDSLOTS", slot.to_string(), other.to_string()];
    cluster.session(&node).await?.expect(add, Expect::Ok).await?;
    let mut sessions = subscribers(cluster, &node, &[&channels[0], &channels[1]]).await?;
    cluster.session(&node).await?.expect(command!["CLUSTER", "RESET", "SOFT"], Expect::Ok).await?;
    for session in &mut sessions {
        let mut left = channels.to_vec();
        for count in [1, 0] {
            let expected = left.iter().map(|channel| confirmation("sunsubscribe", channel, count)).collect();
            let push = session.expect_push(Expect::AnyOf(expected)).await?;
            left.retain(|channel| !confirmation("sunsubscribe", channel, count).admits(&push));
        }
        session.expect_no_push().await?;
        // The connection is an ordinary one again.
        session.expect(command!["ECHO", "hello"], Expect::text("hello")).await?;
    }
    Ok(())
}

async fn another_primary_ends_subscriptions(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let (replica, slot) = (cluster.replica_of(&primary)?, cluster.slot_of(&primary)?);
    let other = cluster.non_owner(slot)?;
    let channel = cluster.keys().named(slot, "channel");
    let mut sessions = subscribers(cluster, &replica, &[&channel]).await?;
    attach(cluster, &replica, &other).await?;
    for session in &mut sessions {
        session.expect_push(confirmation("sunsubscribe", &channel, 0)).await?;
        session.expect(command!["SSUBSCRIBE", &channel], Expect::moved(slot, &primary)).await?;
    }
    // One replica for each primary again.
    attach(cluster, &replica, &primary).await
}
