//! Clients that wait for something at the source while their slot moves: blocked, in a transaction, or subscribed.

use wire::{Command, command};

use crate::cluster::Cluster;
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::route::Route;
use crate::code_check::CodeCheck;
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

/// A promise of every engine.
pub(super) const BLOCKED: &[CodeCheck] = over_engines!(
    "reshard/blocked-clients-are-redirected",
    "A client that is blocked on a key gets MOVED when the slot has moved",
    must("live-reconfiguration"),
    &["reshard.blocked-clients-moved"],
    atomic & ["asm-valkey.blocked-moved"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & [],
    blocked_clients_are_redirected
);

/// A promise of every engine.
pub(super) const TRANSACTIONS: &[CodeCheck] = over_engines!(
    "reshard/transactions-end",
    "EXEC gets MOVED, or null for a watched key, when the slot has moved, and runs nothing",
    must("live-reconfiguration"),
    &["reshard.full-slot-with-keys"],
    atomic & ["asm-valkey.multi-and-watch"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & [],
    transactions_end
);

async fn blocked_clients_are_redirected(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let key = |name: &str| route.key(cluster, name);
    let before = blocked(cluster, &route).await?;
    let mut waiting: Vec<(Session, Command)> = Vec::new();
    for command in [
        command!["BLPOP", key("list"), "0"],
        command!["BLPOP", key("other"), key("list"), "0"],
        command!["BRPOP", key("list"), "0"],
        command!["BLMOVE", key("list"), key("to"), "LEFT", "RIGHT", "0"],
        command!["BZPOPMIN", key("zset"), "0"],
        command!["BZPOPMAX", key("zset"), "0"],
        command!["XREAD", "BLOCK", "0", "STREAMS", key("stream"), "$"],
    ] {
        if cluster.may_have(&command.name()).await? {
            let mut session = cluster.session(source).await?;
            session.send(&command).await?;
            waiting.push((session, command));
        }
    }
    let wanted = before + waiting.len() as i64;
    cluster
        .until(cluster.limits().reply, "all clients are blocked", async || {
            let found = blocked(cluster, &route).await?;
            ensure!(found >= wanted, format!("blocked_clients:{wanted} or more of {}", source.address), "{found}");
            Ok(())
        })
        .await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;
    for (session, command) in &mut waiting {
        let reply = session.receive().await?;
        session.require(&*command, &Expect::moved(*slot, target), &reply)?;
        // The connection still works, and has got one reply only.
        session.expect(command!["ECHO", "next"], Expect::text("next")).await?;
    }
    (engine.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn blocked(cluster: &Cluster, route: &Route) -> Outcome<i64> {
    let info = cluster.info(&route.source, &command!["INFO", "clients"]).await?;
    Ok(info.get("blocked_clients").and_then(|count| count.parse().ok()).unwrap_or(0))
}

async fn transactions_end(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let (queued, watched, free) =
        (route.key(cluster, "queued"), route.key(cluster, "watched"), route.key(cluster, "free"));
    for key in [&queued, &watched] {
        cluster.expect(source, command!["SET", key, "v"], Expect::Ok).await?;
    }
    let mut plain = cluster.session(source).await?;
    let mut watching = cluster.session(source).await?;
    let mut watching_missing = cluster.session(source).await?;
    let mut keyless = cluster.session(source).await?;
    watching.expect(command!["WATCH", &watched], Expect::Ok).await?;
    watching_missing.expect(command!["WATCH", &free], Expect::Ok).await?;
    for session in [&mut plain, &mut watching, &mut watching_missing] {
        session.expect(command!["MULTI"], Expect::Ok).await?;
        session.expect(command!["SET", &queued, "w"], Expect::Queued).await?;
    }
    keyless.expect(command!["WATCH", &watched], Expect::Ok).await?;
    keyless.expect(command!["MULTI"], Expect::Ok).await?;
    keyless.expect(command!["PING"], Expect::Queued).await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;

    let moved = Expect::moved(*slot, target);
    plain.expect(command!["EXEC"], moved.clone()).await?;
    for session in [&mut watching, &mut watching_missing] {
        session.expect(command!["EXEC"], Expect::AnyOf(vec![Expect::Null, moved.clone()])).await?;
    }
    // The watched key is gone, and the transaction has no key that could be redirected.
    keyless.expect(command!["EXEC"], Expect::Null).await?;
    for session in [&mut plain, &mut watching, &mut watching_missing, &mut keyless] {
        let pong = session.expect(command!["PING"], Expect::NoError).await?;
        ensure!(text_of(pong.value()).as_deref() == Some("PONG"), "PONG to PING after EXEC", "{pong}");
    }
    cluster.expect(target, command!["GET", &queued], Expect::text("v")).await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}
