//! A change of a key invalidates it for each connection that has read it.

use std::time::Duration;

use wire::{Command, command};

use super::tracker::{invalidated, read, tracker};
use crate::cluster::Cluster;
use crate::code::motion::pair::alone;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("tracking/change-invalidates-once")
        .title("Each kind of change invalidates a key that was read, once, and only for connections that have read it")
        .should("client-side-caching")
        .covers(&["tracking.invalidate-on-write"])
        .shape(2, 0)
        .commands(&["CLIENT TRACKING"])
        .body(|cluster| Box::pin(change_invalidates_once(cluster))),
    check("tracking/expiry-invalidates")
        .title("A key that expires is invalidated for a connection that has read it")
        .should("client-side-caching")
        .covers(&["tracking.invalidate-on-write"])
        .commands(&["CLIENT TRACKING"])
        .body(|cluster| Box::pin(expiry_invalidates(cluster))),
    check("tracking/replica-invalidates")
        .title("A READONLY connection to a replica is told when a replicated write changes a key that it has read")
        .may("client-side-caching")
        .covers(&["tracking.replica-reads"])
        .shape(1, 1)
        .commands(&["CLIENT TRACKING"])
        .body(|cluster| Box::pin(replica_invalidates(cluster))),
    check("tracking/flush-invalidates-all-keys")
        .title("FLUSHALL and FLUSHDB send each tracking connection an invalidation of all keys, which is a null")
        .should("client-side-caching")
        .covers(&["tracking.flush-null"])
        .needs(&[Need::FreshNode])
        .commands(&["CLIENT TRACKING"])
        .body(|cluster| Box::pin(flush_invalidates_all_keys(cluster))),
];

async fn change_invalidates_once(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let other = cluster.non_owner(slot)?;
    let (key, unread) = (cluster.keys().fresh(slot), cluster.keys().fresh(slot));
    let mut reader = tracker(cluster, &owner, &[]).await?;
    let mut bystander = tracker(cluster, &owner, &[]).await?;
    let mut elsewhere = tracker(cluster, &other, &[]).await?;
    let expire = |life: &str| command!["PEXPIRE", &key, life];
    let changes: [Command; 7] = [
        command!["SET", &key, "w"],
        command!["APPEND", &key, "x"],
        expire("1000000"),
        command!["PERSIST", &key],
        command!["EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", &key],
        command!["RENAME", &key, &unread],
        command!["COPY", &unread, &key, "REPLACE"],
    ];
    cluster.expect(&owner, command!["MSET", &key, "v", &unread, "v"], Expect::Ok).await?;
    for change in changes {
        if !cluster.may_have(&change.name()).await? {
            continue;
        }
        read(&mut reader, &key, Expect::Anything).await?;
        cluster.expect(&owner, &change, Expect::NoError).await?;
        invalidated(&mut reader, Some(&key))
            .await
            .map_err(|stop| stop.with_note(format!("the change was {change}")))?;
        // The connection has forgotten the key, so a second change concerns it no more.
        cluster.expect(&owner, command!["SET", &key, "again", "EX", "1000"], Expect::Ok).await?;
        reader.expect_no_push().await?;
    }
    // Keys that a transaction changes, and keys that several connections have read.
    read(&mut reader, &key, Expect::text("again")).await?;
    read(&mut bystander, &key, Expect::text("again")).await?;
    let transaction = [
        (command!["MULTI"], Expect::Ok),
        (command!["SET", &key, "v"], Expect::Queued),
        (command!["SET", &unread, "v"], Expect::Queued),
        (command!["EXEC"], Expect::Length(2)),
    ];
    cluster.expect_all(&owner, &transaction).await?;
    invalidated(&mut reader, Some(&key)).await?;
    invalidated(&mut bystander, Some(&key)).await?;
    for session in [&mut reader, &mut bystander, &mut elsewhere] {
        session.expect_no_push().await?;
    }
    Ok(())
}

/// The time to live of the key that expires.
const LIFE: Duration = Duration::from_millis(400);

async fn expiry_invalidates(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let key = cluster.keys().named(cluster.slot_of(&owner)?, "expiring");
    let mut reader = tracker(cluster, &owner, &[]).await?;
    let set = command!["SET", &key, "v", "PX", LIFE.as_millis().to_string()];
    // On a busy machine the key may expire before it is read.
    let cached = cluster.until(cluster.limits().reply, "the connection reads the key before it expires", async || {
        cluster.expect(&owner, &set, Expect::Ok).await?;
        read(&mut reader, &key, Expect::text("v")).await
    });
    cached.await?;
    // Pushes of earlier attempts came before the last reply.
    while reader.next_push(Duration::ZERO).await?.is_some() {}
    let gone = cluster.until(LIFE + cluster.limits().reply, "the key has expired", async || {
        cluster.expect(&owner, command!["EXISTS", &key], Expect::Integer(0)).await
    });
    gone.await?;
    invalidated(&mut reader, Some(&key)).await
}

async fn replica_invalidates(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    let mut reader = tracker(cluster, &replica, &[]).await?;
    reader.expect(command!["READONLY"], Expect::Ok).await?;
    for change in [command!["SET", &key, "w"], command!["DEL", &key]] {
        read(&mut reader, &key, Expect::Kind(crate::expect::Kind::Text)).await?;
        cluster.expect(&primary, &change, Expect::NoError).await?;
        invalidated(&mut reader, Some(&key))
            .await
            .map_err(|stop| stop.with_note(format!("the change was {change}")))?;
    }
    cluster.expect(&primary, command!["SET", &key, "again"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    reader.expect_no_push().await
}

async fn flush_invalidates_all_keys(cluster: &Cluster) -> Outcome {
    let node = alone(cluster, &[]).await?;
    let mut readers = [tracker(cluster, &node, &[]).await?, tracker(cluster, &node, &[]).await?];
    let mut writer = cluster.session(&node).await?;
    let mut untracked = cluster.session_in(&node, wire::Protocol::Resp3).await?;
    for flush in [command!["FLUSHALL"], command!["FLUSHDB"], command!["FLUSHALL", "ASYNC"]] {
        writer.expect(command!["SET", "foo", "v"], Expect::Ok).await?;
        // The second connection has read nothing, and is told all the same.
        read(&mut readers[0], "foo", Expect::text("v")).await?;
        writer.expect(&flush, Expect::Ok).await?;
        for reader in &mut readers {
            invalidated(reader, None).await.map_err(|stop| stop.with_note(format!("the change was {flush}")))?;
            reader.expect_no_push().await?;
        }
        untracked.expect_no_push().await?;
    }
    Ok(())
}
