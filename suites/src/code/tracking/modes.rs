//! The modes of CLIENT TRACKING: BCAST, OPTIN, NOLOOP and REDIRECT.

use std::time::Duration;

use wire::command;

use super::tracker::{invalidated, read, tracker};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("tracking/broadcast-follows-prefixes")
        .title("With BCAST, each change on the node of a key with one of the prefixes is announced, read or not")
        .may("client-side-caching")
        .covers(&["tracking.bcast-prefix"])
        .shape(2, 0)
        .commands(&["CLIENT TRACKING"])
        .body(|cluster| Box::pin(broadcast_follows_prefixes(cluster))),
    check("tracking/optin-and-noloop")
        .title(
            "OPTIN tracks only reads after CLIENT CACHING YES, and NOLOOP announces no change of the connection's own",
        )
        .may("client-side-caching")
        .covers(&["tracking.invalidate-on-write"])
        .commands(&["CLIENT TRACKING"])
        .body(|cluster| Box::pin(optin_and_noloop(cluster))),
    check("tracking/redirection-and-its-end")
        .title(
            "REDIRECT sends invalidations to another connection; when that one closes, the tracking connection is told",
        )
        .may("client-side-caching")
        .covers(&["tracking.redirect-dead"])
        .commands(&["CLIENT TRACKING"])
        .in_resp2()
        .body(|cluster| Box::pin(redirection_and_its_end(cluster))),
];

/// The channel on which a RESP2 connection gets invalidations.
const CHANNEL: &str = "__redis__:invalidate";
/// How long one attempt waits for a push.
const ATTEMPT: Duration = Duration::from_millis(50);

async fn broadcast_follows_prefixes(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let foreign = cluster.slot_of(&cluster.non_owner(slot)?)?;
    let other = cluster.owner(foreign)?;
    let [one, two, outside] = ["one", "two", "outside"].map(|name| cluster.keys().named(slot, name));
    let (first, second) = (one.clone(), two[..two.len() - 1].to_owned());
    let mut listener = tracker(cluster, &owner, &["BCAST", "PREFIX", &first, "PREFIX", &second]).await?;
    let mut everything = tracker(cluster, &other, &["BCAST", "PREFIX", cluster.keys().run_prefix()]).await?;
    for (key, is_announced) in [(&one, true), (&outside, false), (&two, true), (&one, true)] {
        cluster.expect(&owner, command!["SET", key, "v"], Expect::Ok).await?;
        if is_announced {
            invalidated(&mut listener, Some(key)).await?;
        }
        listener.expect_no_push().await?;
    }
    // Another node announces only changes of its own keys. Other checks change keys of the run meanwhile.
    let own = cluster.keys().named(foreign, "own");
    cluster.expect(&other, command!["SET", &own, "v"], Expect::Ok).await?;
    let heard = cluster.until(cluster.limits().reply, "the other node announces its own key", async || {
        let push = everything.next_push(ATTEMPT).await?;
        let keys = push.iter().flat_map(|push| push.items().unwrap_or_default()).filter_map(wire::items_of).flatten();
        let keys: Vec<String> = keys.filter_map(text_of).collect();
        if let Some(wrong) = keys.iter().find(|key| [&one, &two, &outside].contains(key)) {
            return Ok(Err(Stop::mismatch(
                format!("no invalidation of a key of {} from {}", owner.address, other.address),
                wrong,
            )));
        }
        ensure!(keys.contains(&own), format!("an invalidation of {own} from {}", other.address), "{}", keys.join(", "));
        Ok(Ok(()))
    });
    heard.await??;
    // One prefix of a connection must not begin with another one.
    let overlap = command!["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "PREFIX", "ab"];
    cluster.session_in(&owner, wire::Protocol::Resp3).await?.expect(overlap, Expect::error("ERR")).await.map(drop)
}

async fn optin_and_noloop(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&owner)?);
    let set = |value: &str| command!["SET", &key, value];
    cluster.expect(&owner, set("v"), Expect::Ok).await?;
    let mut session = tracker(cluster, &owner, &["OPTIN", "NOLOOP"]).await?;
    read(&mut session, &key, Expect::text("v")).await?;
    cluster.expect(&owner, set("w"), Expect::Ok).await?;
    session.expect_no_push().await?;
    for own in [false, true] {
        session.expect(command!["CLIENT", "CACHING", "YES"], Expect::Ok).await?;
        read(&mut session, &key, Expect::text("w")).await?;
        if own {
            session.expect(set("w"), Expect::Ok).await?;
        } else {
            cluster.expect(&owner, set("w"), Expect::Ok).await?;
            invalidated(&mut session, Some(&key)).await?;
        }
        session.expect_no_push().await?;
    }
    session.expect(command!["CLIENT", "TRACKING", "OFF"], Expect::Ok).await?;
    read(&mut session, &key, Expect::text("w")).await?;
    cluster.expect(&owner, set("x"), Expect::Ok).await?;
    session.expect_no_push().await
}

async fn redirection_and_its_end(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&owner)?);
    let mut receiver = cluster.session(&owner).await?;
    let id =
        receiver.expect(command!["CLIENT", "ID"], Expect::Kind(Kind::Integer)).await?.integer().unwrap_or_default();
    receiver.call(command!["SUBSCRIBE", CHANNEL]).await?;
    let mut session = tracker(cluster, &owner, &["REDIRECT", &id.to_string()]).await?;
    cluster.expect(&owner, command!["SET", &key, "v"], Expect::Ok).await?;
    read(&mut session, &key, Expect::text("v")).await?;
    cluster.expect(&owner, command!["SET", &key, "w"], Expect::Ok).await?;
    let message =
        Expect::Items(vec![Expect::text("message"), Expect::text(CHANNEL), Expect::Items(vec![Expect::text(&key)])]);
    receiver.expect_push(message).await?;
    session.expect_no_push().await?;

    drop(receiver);
    let told = cluster.until(
        cluster.limits().reply,
        "the tracking connection is told that its receiver is gone",
        async || {
            read(&mut session, &key, Expect::Anything).await?;
            cluster.expect(&owner, command!["SET", &key, "x"], Expect::Ok).await?;
            let push = session.next_push(ATTEMPT).await?;
            let kind = push.as_ref().and_then(wire::Reply::push_kind).unwrap_or_default();
            ensure!(
                kind == "tracking-redir-broken",
                format!("a push tracking-redir-broken from {}", owner.address),
                "{kind}"
            );
            let named = push.and_then(|push| push.items().and_then(|items| items.first().cloned()));
            ensure!(
                matches!(named, Some(wire::Value::Int(found)) if found == id),
                format!("the id {id} in the push tracking-redir-broken from {}", owner.address),
                "{}",
                named.as_ref().map(wire::describe).unwrap_or_default()
            );
            Ok(())
        },
    );
    told.await
}
