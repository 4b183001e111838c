//! Shard subscribers when a replica takes over.

use wire::{Node, Protocol, command};

use crate::cluster::Cluster;
use crate::code::failover::participants::Participants;
use crate::code::messages::confirmation;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("sharded-pubsub/manual-failover-loses-no-subscriber")
        .title("After CLUSTER FAILOVER every shard subscriber gets messages of the new primary, or has got sunsubscribe")
        .must("SSUBSCRIBE")
        .covers(&["sharded-pubsub.failover-notified"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(manual_failover_loses_no_subscriber(cluster))),
    check("sharded-pubsub/dead-primary-loses-no-subscriber")
        .title("After its primary has died, a shard subscriber of the promoted replica gets messages, or has got sunsubscribe")
        .must("SSUBSCRIBE")
        .covers(&["sharded-pubsub.failover-notified"])
        .shape(3, 1)
        .needs(&[Need::KillNode])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(dead_primary_loses_no_subscriber(cluster))),
];

/// A shard subscriber, and whether it has learnt what became of its subscription.
struct Subscriber {
    node: Node,
    session: Session,
    knows: bool,
}

impl Subscriber {
    async fn new(cluster: &Cluster, node: &Node, protocol: Protocol, channel: &str) -> Outcome<Self> {
        let mut session = cluster.session_in(node, protocol).await?;
        session.expect(command!["SSUBSCRIBE", channel], confirmation("ssubscribe", channel, 1)).await?;
        Ok(Self { node: node.clone(), session, knows: false })
    }

    /// Reads one message, if there is one: that the subscription has ended, or a published one.
    async fn look(&mut self, cluster: &Cluster, channel: &str) -> Outcome {
        let Some(push) = self.session.next_push(cluster.limits().poll).await? else { return Ok(()) };
        let published = Expect::Message(vec![Expect::text("smessage"), Expect::text(channel), Expect::text("after")]);
        let expected = Expect::AnyOf(vec![confirmation("sunsubscribe", channel, 0), published]);
        self.session.require("(waiting for a message)", &expected, &push)?;
        self.knows = true;
        Ok(())
    }
}

async fn manual_failover_loses_no_subscriber(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let channel = cluster.keys().named(cluster.slot_of(&primary)?, "channel");
    let mut subscribers = Vec::new();
    for node in [&primary, &replica] {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            subscribers.push(Subscriber::new(cluster, node, protocol, &channel).await?);
        }
    }
    cluster.failover(&replica, None).await?;
    nobody_is_lost(cluster, &replica, &channel, &mut subscribers).await?;
    // Whoever was told subscribes again, at either node.
    for node in [&primary, &replica] {
        let mut session = cluster.session(node).await?;
        session.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
    }
    Ok(())
}

async fn dead_primary_loses_no_subscriber(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let channel = cluster.keys().named(cluster.slot_of(&primary)?, "channel");
    let mut subscribers = Vec::new();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        subscribers.push(Subscriber::new(cluster, &replica, protocol, &channel).await?);
    }
    cluster.kill(&primary).await?;
    cluster.promoted(&replica).await?;
    nobody_is_lost(cluster, &replica, &channel, &mut subscribers).await
}

/// Publishes on the new primary until each subscriber knows what became of its subscription.
async fn nobody_is_lost(cluster: &Cluster, promoted: &Node, channel: &str, subscribers: &mut [Subscriber]) -> Outcome {
    let what = "every shard subscriber gets a message of the new primary, or sunsubscribe";
    cluster
        .until(cluster.limits().converge, what, async || {
            let count = cluster.call(promoted, command!["SPUBLISH", channel, "after"]).await?;
            ensure!(count.integer().is_some(), format!("a number of receivers from {}", promoted.address), "{count}");
            for subscriber in subscribers.iter_mut().filter(|subscriber| !subscriber.knows) {
                subscriber.look(cluster, channel).await?;
            }
            let lost = subscribers.iter().find(|subscriber| !subscriber.knows);
            match lost {
                None => Ok(()),
                Some(Subscriber { node, .. }) => Err(Stop::mismatch(
                    format!("a message or sunsubscribe for the subscriber on {}", node.address),
                    "neither",
                )),
            }
        })
        .await
}
