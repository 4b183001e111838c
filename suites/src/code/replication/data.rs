//! What is written, deleted or lost on a primary, and how it reaches the replicas.

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
        // Fixed in 7.2 (redis #10967): 7.0 deletes them on the primary alone.
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(keys_of_a_lost_slot_are_deleted(cluster))),
];

async fn writes_reach_every_replica(cluster: &Cluster) -> Outcome {
    for primary in cluster.primaries() {
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
            let shown = cluster.until(cluster.limits().replicate, "the replica shows what was written", async || {
                reader.expect_all(&reads).await
            });
            shown.await?;
            cluster.measure(&format!("replication to {}", replica.address), written.elapsed());
        }
    }
    Ok(())
}

/// How long the key lives that is to expire: long enough to be seen on a replica before.
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
        let gone = cluster.until(limit, "deleted and expired keys are gone from the replica", async || {
            // The primary may leave an expired key in place until somebody asks for it.
            cluster.call(&primary, command!["EXISTS", &expiring]).await?;
            stored(cluster, &replica, slot, &[&kept], &[&deleted, &popped, &expiring]).await
        });
        gone.await?;
    }
    Ok(())
}

/// The keys of a slot that are asked for; a slot of a cluster that is in use may hold as many.
const KEYS_OF_SLOT: &str = "10000";

/// Holds what a node stores in a slot, expired or not, against keys that must and must not be there.
async fn stored(cluster: &Cluster, node: &Node, slot: Slot, present: &[&String], absent: &[&String]) -> Outcome {
    let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), KEYS_OF_SLOT];
    let reply = cluster.expect(node, list, Expect::Kind(Kind::Array)).await?;
    let keys: Vec<&[u8]> = reply.items().unwrap_or_default().iter().filter_map(bytes_of).collect();
    for key in present {
        ensure!(keys.contains(&key.as_bytes()), format!("{key} on {}", node.address), "{reply}");
    }
    for key in absent {
        ensure!(!keys.contains(&key.as_bytes()), format!("no {key} on {}", node.address), "{reply}");
    }
    Ok(())
}

/// Gives a node the greatest config epoch of all, which it must have at once, and say so.
async fn bumps(cluster: &Cluster, node: &Node) -> Outcome {
    let reply = cluster.expect(node, command!["CLUSTER", "BUMPEPOCH"], Expect::NoError).await?;
    let fields = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
    let own = fields.get("cluster_my_epoch").map_or("none", String::as_str);
    let right = [format!("BUMPED {own}"), format!("STILL {own}")];
    let said = reply.text().unwrap_or_default();
    ensure!(right.iter().any(|text| *text == said), right.join(" or "), "{said}");
    Ok(())
}

async fn keys_of_a_lost_slot_are_deleted(cluster: &Cluster) -> Outcome {
    let loser = cluster.some_primary()?;
    let slot = cluster.slot_of(&loser)?;
    let winner = cluster.non_owner(slot)?;
    let key = cluster.keys().fresh(slot);
    cluster.expect(&loser, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&loser).await?;
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    let replicas = cluster.replicas_of(&loser);
    for node in &replicas {
        cluster.expect(node, &count, Expect::Integer(1)).await?;
    }

    // A claim with a greater epoch, and no migration: the loser learns of it by gossip and drops the slot's keys.
    bumps(cluster, &winner).await?;
    let claim = command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", winner.id];
    cluster.expect(&winner, claim, Expect::Ok).await?;
    cluster.owned(slot, &winner).await?;
    for node in std::iter::once(&loser).chain(&replicas) {
        let gone = cluster.until(cluster.limits().converge, "the lost slot's keys are gone", async || {
            cluster.expect(node, &count, Expect::Integer(0)).await
        });
        gone.await?;
    }
    cluster.expect(&winner, command!["GET", &key], Expect::Null).await?;
    cluster.move_slot(slot, &winner, &loser).await
}
