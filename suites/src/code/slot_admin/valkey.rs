//! What only Valkey has: SETSLOT on replicas before its OK, CLUSTER FLUSHSLOT, and CONFIG RESETSTAT for the cluster.

use wire::{Direction, Node, OpenSlot, Slot, command};

use super::company::{company, replicate};
use super::own::own_line;
use crate::cluster::Cluster;
use crate::code::failover::observe::{cluster_number, follows};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::open_slots;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/setslot-reaches-replicas-first")
        .title("When SETSLOT answers OK, the replica of the node knows the change already")
        .may("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-replicated"])
        .needs(&[Need::FreshNode])
        .servers(SETSLOT_SINCE)
        .body(|cluster| Box::pin(setslot_reaches_replicas(cluster))),
    check("slot-admin/setslot-without-its-replica")
        .title("SETSLOT answers NOREPLICAS if the replica does not confirm it within TIMEOUT")
        .may("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-replicated", "slot-admin.setslot-timeout"])
        .needs(&[Need::FreshNode, Need::PauseNode])
        .servers(SETSLOT_SINCE)
        .body(|cluster| Box::pin(setslot_without_its_replica(cluster))),
    check("slot-admin/flushslot-deletes-the-keys")
        .title("CLUSTER FLUSHSLOT deletes all keys of the slot, also on the replica, and no other key")
        .may("CLUSTER FLUSHSLOT")
        .covers(&["slot-admin.flushslot"])
        .shape(1, 1)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER FLUSHSLOT"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(flushslot_deletes(cluster))),
    check("slot-admin/resetstat-clears-message-counts")
        .title("CONFIG RESETSTAT sets the message counts of CLUSTER INFO back")
        .may("CONFIG RESETSTAT")
        .covers(&["slot-admin.resetstat"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(resetstat_clears(cluster))),
];

const SETSLOT_SINCE: &[&str] = &["valkey >=8.0"];
/// The slot that the checks open.
const SLOT: &str = "5";

/// A primary with a slot, its replica in sync, and another primary.
async fn shard(cluster: &Cluster) -> Outcome<[Node; 3]> {
    let nodes = company::<3>(cluster).await?;
    let [primary, replica, _] = &nodes;
    cluster.expect(primary, command!["CLUSTER", "ADDSLOTS", SLOT], Expect::Ok).await?;
    replicate(cluster, replica, primary).await?;
    follows(cluster, replica, primary).await?;
    Ok(nodes)
}

async fn setslot_reaches_replicas(cluster: &Cluster) -> Outcome {
    let [primary, replica, other] = &shard(cluster).await?;
    let slot = Slot::new(5).ok_or_else(|| Stop::broken("5 is no slot"))?;
    let taken = Slot::new(6).ok_or_else(|| Stop::broken("6 is no slot"))?;
    let set = |slot: Slot, words: &[&str]| {
        words.iter().fold(command!["CLUSTER", "SETSLOT", slot.to_string()], |set, word| set.arg(word))
    };
    let id = other.id.to_string();
    let open = |slot, direction| OpenSlot { slot, direction, peer: other.id };
    cluster.expect(other, command!["CLUSTER", "ADDSLOTS", "6"], Expect::Ok).await?;
    let steps: [(Slot, [&str; 2], Vec<OpenSlot>); 4] = [
        (slot, ["MIGRATING", &id], vec![open(slot, Direction::Migrating)]),
        (slot, ["STABLE", ""], vec![]),
        (taken, ["IMPORTING", &id], vec![open(taken, Direction::Importing)]),
        (taken, ["STABLE", ""], vec![]),
    ];
    for (slot, words, expected) in steps {
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let command = set(slot, &words);
        cluster.expect(primary, &command, Expect::Ok).await?;
        let found = own_line(cluster, replica).await?.open;
        ensure!(
            found == expected,
            format!("{} on the replica {} right after OK to {command}", open_slots(&expected), replica.address),
            "{}",
            open_slots(&found)
        );
    }
    Ok(())
}

/// How long SETSLOT waits for the paused replica.
const TIMEOUT_MS: &str = "100";

async fn setslot_without_its_replica(cluster: &Cluster) -> Outcome {
    let [primary, replica, other] = &shard(cluster).await?;
    let set = command!["CLUSTER", "SETSLOT", SLOT, "MIGRATING", other.id, "TIMEOUT", TIMEOUT_MS];
    cluster.pause(replica).await?;
    cluster.expect(primary, &set, Expect::error("NOREPLICAS")).await?;
    cluster.resume(replica).await?;
    follows(cluster, replica, primary).await?;
    cluster.expect(primary, command!["CLUSTER", "SETSLOT", SLOT, "MIGRATING", other.id], Expect::Ok).await.map(drop)
}

async fn flushslot_deletes(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let slot = cluster.empty_slot_of(&primary).await?;
    let others = cluster.slots_of(&primary).into_iter().filter(|other| *other != slot).collect();
    let other = cluster.pick(others).ok_or_else(|| Stop::skip("the check needs a primary with two slots"))?;
    let kept = cluster.keys().fresh(other);
    cluster.expect(&primary, command!["SET", &kept, "v"], Expect::Ok).await?;
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    for mode in [&[][..], &["SYNC"], &["ASYNC"]] {
        for name in ["one", "two", "three"] {
            cluster.expect(&primary, command!["SET", cluster.keys().named(slot, name), "v"], Expect::Ok).await?;
        }
        cluster.replicated(&primary).await?;
        cluster.expect(&replica, &count, Expect::Integer(3)).await?;
        let flush = command!["CLUSTER", "FLUSHSLOT", slot.to_string()];
        let flush = mode.iter().fold(flush, |flush, word| flush.arg(word));
        cluster.expect(&primary, flush, Expect::Ok).await?;
        cluster.expect(&primary, &count, Expect::Integer(0)).await?;
        let deleted = cluster.until(cluster.limits().replicate, "the replica deletes the keys too", async || {
            cluster.expect(&replica, &count, Expect::Integer(0)).await
        });
        deleted.await?;
        cluster.expect(&primary, command!["GET", &kept], Expect::text("v")).await?;
    }
    for wrong in [&["16384"][..], &["-1"], &["one"], &["{slot}", "LATER"], &["{slot}", "SYNC", "SYNC"]] {
        let flush = wrong
            .iter()
            .fold(command!["CLUSTER", "FLUSHSLOT"], |flush, word| flush.arg(word.replace("{slot}", &slot.to_string())));
        cluster.expect(&primary, flush, Expect::error("ERR")).await?;
    }
    cluster.expect(&primary, command!["GET", &kept], Expect::text("v")).await.map(drop)
}

/// The messages that a node has sent before the check resets their count.
const MESSAGES: u64 = 10;

async fn resetstat_clears(cluster: &Cluster) -> Outcome {
    let [node, _, _] = &company::<3>(cluster).await?;
    let sent = async || cluster_number(cluster, node, "cluster_stats_messages_sent").await;
    let before = cluster.until(cluster.limits().converge, "the node has sent messages", async || {
        let sent = sent().await?;
        ensure!(sent >= MESSAGES, format!("{MESSAGES} messages sent"), "{sent}");
        Ok(sent)
    });
    let before = before.await?;
    cluster.expect(node, command!["CONFIG", "RESETSTAT"], Expect::Ok).await?;
    let after = sent().await?;
    ensure!(
        after < before / 2,
        format!("fewer cluster_stats_messages_sent of {} than half of the {before} before RESETSTAT", node.address),
        "{after}"
    );
    Ok(())
}
