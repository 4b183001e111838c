//! Subscribers of a slot that moves, over every engine.

use wire::{Node, Protocol, command};

use crate::cluster::Cluster;
use crate::code::messages::{confirmation, message};
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::route::{Route, draw_slots};
use crate::code_check::CodeCheck;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

/// A slot leaves, and the subscribers of its channels are told.
pub(super) const SUBSCRIPTIONS_END: &[CodeCheck] = over_engines!(
    "sharded-pubsub/moved-slot-ends-subscriptions",
    "Subscribers of the old shard get exactly one sunsubscribe for each channel of a moved slot",
    must("SSUBSCRIBE"),
    &[
        "sharded-pubsub.moved-unsubscribe",
        "sharded-pubsub.moved-unsubscribe-replica",
        "sharded-pubsub.other-channels-live",
        "sharded-pubsub.dup-node-free",
        "sharded-pubsub.not-other-shards"
    ],
    atomic & ["asm-valkey.shard-pubsub", "sharded-pubsub.moved-unsubscribe"],
    shape(2, 1),
    needs & [Need::MoveSlot],
    servers & ["redis >=7.0", "valkey"],
    moved_slot_ends_subscriptions
);

/// A subscriber sends commands while its slot leaves.
pub(super) const REPLIES_KEEP_THEIR_ORDER: &[CodeCheck] = over_engines!(
    "sharded-pubsub/replies-keep-their-order",
    "A subscriber that sends commands while its slot moves gets every reply in order, and one sunsubscribe",
    must("SSUBSCRIBE"),
    &["sharded-pubsub.no-sync-loss"],
    atomic & ["sharded-pubsub.no-sync-loss"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & ["redis >=7.0", "valkey"],
    replies_keep_their_order
);

/// A transaction publishes to a channel whose slot has left.
pub(super) const QUEUED_MESSAGES_ARE_REDIRECTED: &[CodeCheck] = over_engines!(
    "sharded-pubsub/queued-messages-are-redirected",
    "EXEC of a queued SPUBLISH answers MOVED and publishes nothing once the slot has left",
    must("SPUBLISH"),
    &["sharded-pubsub.owner-only"],
    atomic & ["sharded-pubsub.owner-only"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & ["redis >=7.0", "valkey"],
    queued_messages_are_redirected
);

/// The commands that a subscriber sends at once.
const COMMANDS: usize = 50;

/// A subscriber of two channels of the slot that moves, of one that stays, and of one without a slot.
struct Subscriber {
    node: Node,
    session: Session,
}

/// The channels of the check.
struct Channels {
    moving: [String; 2],
    staying: String,
    global: String,
}

impl Subscriber {
    async fn new(cluster: &Cluster, node: &Node, protocol: Protocol, channels: &Channels) -> Outcome<Self> {
        let mut session = cluster.session_in(node, protocol).await?;
        session.expect(command!["SUBSCRIBE", &channels.global], Expect::NoError).await?;
        for (channel, count) in [&channels.staying, &channels.moving[0], &channels.moving[1]].into_iter().zip(1..) {
            session.expect(command!["SSUBSCRIBE", channel], confirmation("ssubscribe", channel, count)).await?;
        }
        Ok(Self { node: node.clone(), session })
    }

    /// Requires that the next two messages end the subscriptions of the slot, in any order.
    async fn is_told(&mut self, channels: &Channels) -> Outcome {
        let mut left = channels.moving.to_vec();
        for count in [2, 1] {
            let expected = left.iter().map(|channel| confirmation("sunsubscribe", channel, count)).collect();
            let push = self.session.expect_push(Expect::AnyOf(expected)).await?;
            left.retain(|channel| !confirmation("sunsubscribe", channel, count).admits(&push));
        }
        Ok(())
    }
}

async fn moved_slot_ends_subscriptions(cluster: &Cluster, engine: &Engine) -> Outcome {
    let drawn = Route::with_replicas(cluster)?;
    let Route { source, target, .. } = &drawn;
    let slots = draw_slots(cluster, source, 2)?;
    let (slot, kept) = (slots[0], slots[1]);
    let named = |name: &str| cluster.keys().named(slot, name);
    let channels = Channels {
        moving: [named("one"), named("two")],
        staying: cluster.keys().named(kept, "staying"),
        global: cluster.keys().plain(),
    };
    cluster.expect(source, command!["SET", named("key"), "v"], Expect::Ok).await?;
    let mut subscribers = Vec::new();
    for node in [source.clone()].iter().chain(&cluster.replicas_of(source)) {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            subscribers.push(Subscriber::new(cluster, node, protocol, &channels).await?);
        }
    }

    (engine.move_slots)(cluster, &[slot], source, target).await?;
    for subscriber in &mut subscribers {
        subscriber.is_told(&channels).await?;
    }
    old_shard_has_left(cluster, &mut subscribers, &channels, &Route { slot, ..drawn.clone() }).await?;
    (engine.move_slots)(cluster, &[slot], target, source).await
}

/// Requires that the old shard has nothing to do with the channels of the slot, and keeps the other ones.
async fn old_shard_has_left(
    cluster: &Cluster,
    subscribers: &mut [Subscriber],
    channels: &Channels,
    route: &Route,
) -> Outcome {
    let Route { slot, source, target } = route;
    let [one, two] = &channels.moving;
    let moved = || Expect::moved(*slot, target);
    cluster.expect(source, command!["SPUBLISH", one, "m"], moved()).await?;
    cluster.expect(target, command!["SSUBSCRIBE", two], confirmation("ssubscribe", two, 1)).await?;
    cluster.expect_all(target, &[(command!["SUNSUBSCRIBE"], confirmation("sunsubscribe", two, 0))]).await?;
    // Messages between two nodes keep their order, so a message of SPUBLISH would come before the second one.
    cluster.expect(target, command!["SPUBLISH", one, "stray"], Expect::Integer(0)).await?;
    cluster.expect(target, command!["PUBLISH", &channels.global, "end"], Expect::Integer(0)).await?;
    cluster.expect(source, command!["SPUBLISH", &channels.staying, "still"], Expect::Integer(2)).await?;
    for Subscriber { node, session } in subscribers {
        let mut left =
            vec![message("message", &channels.global, "end"), message("smessage", &channels.staying, "still")];
        while !left.is_empty() {
            let push = session.expect_push(Expect::AnyOf(left.clone())).await?;
            left.retain(|expect| !expect.admits(&push));
        }
        session.expect_no_push().await?;
        session.expect(command!["SSUBSCRIBE", one], moved()).await?;
        let none = Expect::Items(vec![Expect::text(one), Expect::Integer(0), Expect::text(two), Expect::Integer(0)]);
        cluster.expect(node, command!["PUBSUB", "SHARDNUMSUB", one, two], none).await?;
        let pattern = format!("{}*", one.trim_end_matches("one"));
        cluster.expect(node, command!["PUBSUB", "SHARDCHANNELS", pattern], Expect::Length(0)).await?;
    }
    Ok(())
}

async fn replies_keep_their_order(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let channel = route.key(cluster, "channel");
    cluster.expect(source, command!["SET", route.key(cluster, "key"), "v"], Expect::Ok).await?;
    let mut sessions = Vec::new();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(source, protocol).await?;
        session.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
        sessions.push(session);
    }
    let mut has_moved = false;
    let mut moving = (engine.move_slots)(cluster, std::slice::from_ref(slot), source, target);
    while !has_moved {
        for session in &mut sessions {
            pings(session).await?;
        }
        let turn = tokio::time::timeout(cluster.limits().poll, &mut moving).await;
        if let Ok(moved) = turn {
            moved?;
            has_moved = true;
        }
    }
    drop(moving);
    for session in &mut sessions {
        pings(session).await?;
        session.expect_push(confirmation("sunsubscribe", &channel, 0)).await?;
        pings(session).await?;
        session.expect_no_push().await?;
        session.expect(command!["SPUBLISH", &channel, "m"], Expect::moved(*slot, target)).await?;
    }
    (engine.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn queued_messages_are_redirected(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let channel = route.key(cluster, "channel");
    cluster.expect(source, command!["SET", route.key(cluster, "key"), "v"], Expect::Ok).await?;
    let mut publisher = cluster.session(source).await?;
    let queue = [(command!["MULTI"], Expect::Ok), (command!["SPUBLISH", &channel, "stray"], Expect::Queued)];
    publisher.expect_all(&queue).await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;
    let mut subscriber = cluster.session(target).await?;
    subscriber.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
    publisher.expect(command!["EXEC"], Expect::moved(*slot, target)).await?;
    cluster.expect(target, command!["SPUBLISH", &channel, "own"], Expect::Integer(1)).await?;
    subscriber.expect_push(message("smessage", &channel, "own")).await?;
    subscriber.expect_no_push().await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

/// Sends many PINGs at once, each with its own number, and requires the same numbers in the replies.
async fn pings(session: &mut Session) -> Outcome {
    let numbers: Vec<String> = (0..COMMANDS).map(|number| number.to_string()).collect();
    let sent: Vec<_> = numbers.iter().map(|number| command!["PING", number]).collect();
    let replies = session.pipeline(&sent).await?;
    for (number, reply) in numbers.iter().zip(&replies) {
        let as_subscriber = Expect::Items(vec![Expect::text("pong"), Expect::text(number)]);
        let expected = Expect::AnyOf(vec![Expect::text(number), as_subscriber]);
        ensure!(expected.admits(reply), format!("{number} in the reply to PING {number}"), "{reply}");
    }
    Ok(())
}
