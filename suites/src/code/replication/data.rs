//! Writes and deletions on a primary reach its replicas.

use std::time::{Duration, Instant};

use wire::{Command, Node, Slot, bytes_of, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("replication/writes-reach-every-replica")
        .title("Values of every type that are written to a primary appear on each of its replicas")
        .must("write-safety")
        .covers(&["replication.data-reaches-replica"])
        .shape(1, 1)
        .in_resp2()
        .body(|cluster| Box::pin(writes_reach_every_replica(cluster))),
    check("replication/deletes-reach-every-replica")
        .title("Keys that are deleted or expire on a primary are deleted on each of its replicas")
        .must("how-redis-replication-deals-with-expires-on-keys")
        .covers(&["replication.deletes-propagate"])
        .shape(1, 1)
        .body(|cluster| Box::pin(deletes_reach_every_replica(cluster))),
    check("replication/keys-of-a-lost-slot-are-deleted")
        .title("Keys that a primary deletes because it lost their slot are deleted on its replicas too")
        .must("hash-slots-configuration-propagation")
        .covers(&["replication.lost-slot-deletes-propagate"])
        .shape(3, 1)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER BUMPEPOCH"])
        // Redis 7.0 deletes the keys only on the primary; 7.2 fixed it (redis/redis#10967).
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(keys_of_a_lost_slot_are_deleted(cluster))),
];

async fn writes_reach_every_replica(cluster: &Cluster) -> Outcome {
    for primary in cluster.visited_primaries() {
        let slot = cluster.slot_of(&primary)?;
        let key = |name: &str| cluster.keys().named(slot, name);
        let large = "x".repeat(100_000);
        let writes = [
            command!["SET", key("string"), "v"],
            command!["SET", key("large"), &large],
            command!["RPUSH", key("list"), "1", "2"],
            command!["HSET", key("hash"), "field", "1"],
            command!["SADD", key("set"), "member"],
            command!["ZADD", key("sorted"), "1.5", "member"],
            command!["XADD", key("stream"), "1-1", "field", "value"],
            command!["INCR", key("counter")],
            command!["INCR", key("counter")],
        ];
        let reads = [
            (command!["GET", key("string")], Expect::text("v")),
            (command!["GET", key("large")], Expect::text(&large)),
            (command!["LRANGE", key("list"), "0", "-1"], Expect::Items(vec![Expect::text("1"), Expect::text("2")])),
            (command!["HGET", key("hash"), "field"], Expect::text("1")),
            (command!["SMEMBERS", key("set")], Expect::Items(vec![Expect::text("member")])),
            (command!["ZSCORE", key("sorted"), "member"], Expect::text("1.5")),
            (command!["XLEN", key("stream")], Expect::Integer(1)),
            (command!["GET", key("counter")], Expect::text("2")),
        ];
        let writes: Vec<(Command, Expect)> = writes.into_iter().map(|write| (write, Expect::NoError)).collect();
        let written = Instant::now();
        cluster.expect_all(&primary, &writes).await?;
        for replica in cluster.replicas_of(&primary) {
            let mut reader = cluster.readonly_session(&replica).await?;
            let shown = cluster.until(cluster.limits().replicate, "the replica has all written values", async || {
                reader.expect_all(&reads).await
            });
            shown.await?;
            cluster.measure(&format!("replication to {}", replica.address), written.elapsed());
        }
    }
    Ok(())
}

/// The time to live of the key that expires: long enough to be visible on a replica before.
const LIFE: Duration = Duration::from_millis(300);

async fn deletes_reach_every_replica(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    let key = |name: &str| cluster.keys().named(slot, name);
    let (deleted, popped, expiring, kept) = (key("deleted"), key("popped"), key("expiring"), key("kept"));
    let writes = [
        (command!["SET", &kept, "v"], Expect::Ok),
        (command!["SET", &deleted, "v"], Expect::Ok),
        (command!["RPUSH", &popped, "v"], Expect::Integer(1)),
        (command!["SET", &expiring, "v", "PX", LIFE.as_millis().to_string()], Expect::Ok),
    ];
    cluster.expect_all(&primary, &writes).await?;
    cluster.replicated(&primary).await?;
    for replica in cluster.replicas_of(&primary) {
        stored(cluster, &replica, slot, &[&kept, &deleted, &popped], &[]).await?;
    }
    cluster.expect(&primary, command!["DEL", &deleted], Expect::Integer(1)).await?;
    cluster.expect(&primary, command!["LPOP", &popped], Expect::text("v")).await?;
    for replica in cluster.replicas_of(&primary) {
        let limit = cluster.limits().replicate + LIFE;
        let gone = cluster.until(limit, "deleted and expired keys are deleted on the replica", async || {
            // The primary may keep an expired key until a client asks for it.
            cluster.call(&primary, command!["EXISTS", &expiring]).await?;
            stored(cluster, &replica, slot, &[&kept], &[&deleted, &popped, &expiring]).await
        });
        gone.await?;
    }
    Ok(())
}

/// The largest number of keys that are listed; a slot of a cluster in use may have many.
const KEYS_OF_SLOT: &str = "10000";

/// Requires that a node stores, or does not store, these keys in a slot, whether they have expired or not.
async fn stored(cluster: &Cluster, node: &Node, slot: Slot, present: &[&String], absent: &[&String]) -> Outcome {
    let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), KEYS_OF_SLOT];
    let reply = cluster.expect(node, list, Expect::Kind(Kind::Array)).await?;
    let keys: Vec<&[u8]> = reply.items().unwrap_or_default().iter().filter_map(bytes_of).collect();
    for key in present {
        ensure!(
            keys.contains(&key.as_bytes()),
            format!("{key} among the keys of slot {slot} on {}", node.address),
            "{reply}"
        );
    }
    for key in absent {
        ensure!(
            !keys.contains(&key.as_bytes()),
            format!("no {key} among the keys of slot {slot} on {}", node.address),
            "{reply}"
        );
    }
    Ok(())
}

/// Gives a node the greatest config epoch, which CLUSTER INFO must show at once and the reply must name.
async fn bumps(cluster: &Cluster, node: &Node) -> Outcome {
    let reply = cluster.expect(node, command!["CLUSTER", "BUMPEPOCH"], Expect::NoError).await?;
    let fields = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
    let own = fields.get("cluster_my_epoch").map_or("none", String::as_str);
    let right = [format!("BUMPED {own}"), format!("STILL {own}")];
    let said = reply.text().unwrap_or_default();
    ensure!(
        right.iter().any(|text| *text == said),
        format!("{} in reply to CLUSTER BUMPEPOCH from {}", right.join(" or "), node.address),
        "{said}"
    );
    Ok(())
}

async fn keys_of_a_lost_slot_are_deleted(cluster: &Cluster) -> Outcome {
    let loser = cluster.some_primary()?;
    // The loser deletes every key of the slot, whoever wrote it.
    let slot = cluster.empty_slot_of(&loser).await?;
    let winner = cluster.non_owner(slot)?;
    let key = cluster.keys().fresh(slot);
    cluster.expect(&loser, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&loser).await?;
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    let replicas = cluster.replicas_of(&loser);
    for node in &replicas {
        cluster.expect(node, &count, Expect::Integer(1)).await?;
    }

    // A claim with a greater epoch and without a migration: the loser hears of it from other nodes and deletes the keys.
    bumps(cluster, &winner).await?;
    let claim = command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", winner.id];
    cluster.expect(&winner, claim, Expect::Ok).await?;
    cluster.owned(slot, &winner).await?;
    for node in std::iter::once(&loser).chain(&replicas) {
        let gone = cluster.until(cluster.limits().converge, "the keys of the lost slot are deleted", async || {
            cluster.expect(node, &count, Expect::Integer(0)).await
        });
        gone.await?;
    }
    cluster.expect(&winner, command!["GET", &key], Expect::Null).await?;
    cluster.move_slot(slot, &winner, &loser).await
}
