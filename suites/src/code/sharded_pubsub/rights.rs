//! Shard channels and the rights of users, and subscribers that somebody else disconnects.

use wire::command;

use crate::cluster::Cluster;
use crate::code::messages::confirmation;
use crate::code::users::as_user;
use crate::code_check::{CodeCheck, check};
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("sharded-pubsub/channel-rights")
        .title("A user may use only its own shard channels; NOPERM comes before MOVED")
        .should("ACL")
        .covers(&["sharded-pubsub.acl-channels"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(channel_rights(cluster))),
    check("sharded-pubsub/killed-in-a-transaction")
        .title("A node lives on when a transaction on another slot kills a shard subscriber")
        .must("CLIENT KILL")
        .covers(&["sharded-pubsub.kill-in-exec"])
        .needs(&[Need::RiskNode])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(killed_in_a_transaction(cluster))),
];

async fn channel_rights(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let other = cluster.non_owner(slot)?;
    let foreign = cluster.slot_of(&other)?;
    let named = |slot, name: &str| cluster.keys().named(slot, name);
    let (own, denied) = (named(slot, "own"), named(slot, "denied"));
    let (own_elsewhere, denied_elsewhere) = (named(foreign, "own"), named(foreign, "denied"));
    let channels = format!("&{}*own", cluster.keys().run_prefix());
    let noperm = || Expect::error("NOPERM");
    as_user(cluster, &owner, &["resetchannels", "~*", "+@all", &channels], async |session| {
        for (command, expect) in [
            (command!["SPUBLISH", &own, "m"], Expect::Integer(0)),
            (command!["SPUBLISH", &denied, "m"], noperm()),
            (command!["SPUBLISH", &denied_elsewhere, "m"], noperm()),
            (command!["SPUBLISH", &own_elsewhere, "m"], Expect::moved(foreign, &other)),
            (command!["SSUBSCRIBE", &denied], noperm()),
            (command!["SSUBSCRIBE", &own, &denied], noperm()),
            (command!["SSUBSCRIBE", &denied_elsewhere], noperm()),
            (command!["SSUBSCRIBE", &own_elsewhere], Expect::moved(foreign, &other)),
            (command!["SSUBSCRIBE", &own], confirmation("ssubscribe", &own, 1)),
        ] {
            session.expect(command, expect).await?;
        }
        Ok(())
    })
    .await
}

async fn killed_in_a_transaction(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (slot, other) = cluster.two_slots_of(&node)?;
    let (channel, key) = (cluster.keys().named(slot, "channel"), cluster.keys().named(other, "key"));
    let mut subscriber = cluster.session(&node).await?;
    let id = subscriber.expect(command!["CLIENT", "ID"], Expect::Kind(Kind::Integer)).await?;
    let id = id.integer().ok_or_else(|| Stop::broken("CLIENT ID has no number"))?.to_string();
    subscriber.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
    let mut session = cluster.session(&node).await?;
    for (command, expect) in [
        (command!["MULTI"], Expect::Ok),
        (command!["SET", &key, "v"], Expect::Queued),
        (command!["CLIENT", "KILL", "ID", &id], Expect::Queued),
        (command!["EXEC"], Expect::Items(vec![Expect::Ok, Expect::Integer(1)])),
        (command!["SPUBLISH", &channel, "m"], Expect::Integer(0)),
        (command!["GET", &key], Expect::text("v")),
        (command!["PUBSUB", "SHARDCHANNELS", &channel], Expect::Length(0)),
    ] {
        session.expect(command, expect).await?;
    }
    cluster.expect(&node, command!["PING"], Expect::text("PONG")).await.map(drop)
}
