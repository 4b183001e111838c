//! Shard channels of a slot that is half moved.

use wire::{Protocol, command};

use crate::cluster::Cluster;
use crate::code::messages::{confirmation, message};
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code_check::{CodeCheck, check};
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("sharded-pubsub/migrating-node-serves-channels")
        .title("The source of an open slot still serves its shard channels, on old and new connections, without ASK")
        .must("SSUBSCRIBE")
        .covers(&["sharded-pubsub.migrating-source-serves"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(migrating_node_serves_channels(cluster))),
    check("sharded-pubsub/migrating-node-lets-subscribers-leave")
        .title("SUNSUBSCRIBE on the source of an open slot ends the subscription, and does not answer ASK")
        .should("SUNSUBSCRIBE")
        .covers(&["sharded-pubsub.migrating-source-leaves"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(migrating_node_lets_subscribers_leave(cluster))),
    check("sharded-pubsub/importing-node-needs-asking")
        .title("The target of an open slot accepts SSUBSCRIBE directly after ASKING, and answers MOVED without it")
        .should("SSUBSCRIBE")
        .covers(&["sharded-pubsub.importing-asking"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(importing_node_needs_asking(cluster))),
];

async fn migrating_node_serves_channels(cluster: &Cluster) -> Outcome {
    let route = Route::with_replicas(cluster)?;
    let channel = route.key(cluster, "channel");
    let mut early = cluster.session_in(&route.source, Protocol::Resp3).await?;
    early.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
    let motion = Motion::along(cluster, route.clone(), Stage::HalfMoved).await?;
    let replica = cluster.replica_of(&route.source)?;
    let mut late = cluster.session(&route.source).await?;
    let mut on_replica = cluster.session(&replica).await?;
    for session in [&mut late, &mut on_replica] {
        session.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
    }
    // No key has the name of the channel, so a lookup of keys would answer ASK.
    cluster.expect(&route.source, command!["SPUBLISH", &channel, "m"], Expect::Integer(2)).await?;
    for session in [&mut early, &mut late, &mut on_replica] {
        session.expect_push(message("smessage", &channel, "m")).await?;
        session.expect_no_push().await?;
    }
    // The slot stays, so the subscriptions do too.
    motion.end().await?;
    cluster.expect(&route.source, command!["SPUBLISH", &channel, "after"], Expect::Integer(2)).await?;
    early.expect_push(message("smessage", &channel, "after")).await.map(drop)
}

async fn migrating_node_lets_subscribers_leave(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let (source, channel) = (motion.route.source.clone(), motion.key("channel"));
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(&source, protocol).await?;
        for (word, count) in [("SSUBSCRIBE", 1), ("SUNSUBSCRIBE", 0)] {
            let confirmed = confirmation(&word.to_lowercase(), &channel, count);
            session.expect(command![word, &channel], confirmed).await?;
        }
        cluster.expect(&source, command!["SPUBLISH", &channel, "m"], Expect::Integer(0)).await?;
    }
    motion.end().await
}

async fn importing_node_needs_asking(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let Route { slot, source, target } = motion.route.clone();
    let channel = motion.key("channel");
    let moved = || Expect::moved(slot, &source);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(&target, protocol).await?;
        session.expect(command!["SSUBSCRIBE", &channel], moved()).await?;
        session.expect(command!["ASKING"], Expect::Ok).await?;
        session.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
    }
    let mut session = cluster.session(&target).await?;
    session.expect_all(&[(command!["SPUBLISH", &channel, "m"], moved()), (command!["ASKING"], Expect::Ok)]).await?;
    session.expect(command!["SPUBLISH", &channel, "m"], Expect::Kind(Kind::Integer)).await?;
    // ASKING holds for one command.
    session.expect(command!["SPUBLISH", &channel, "m"], moved()).await?;
    motion.end().await
}
