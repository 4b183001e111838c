//! CLUSTER SLOT-STATS by range and by order, with the number of keys.

use wire::{Node, Slot, command};

use super::stats::{SINCE, SlotStats, slot_stats, stats_of};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::Outcome;
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-stats/range-lists-own-slots")
        .title(
            "SLOTSRANGE lists exactly the slots of the shard inside the range, in ascending order, each with key-count",
        )
        .may("CLUSTER SLOT-STATS")
        .covers(&["slot-stats.slotsrange"])
        .shape(2, 0)
        .servers(&SINCE)
        .commands(&["CLUSTER SLOT-STATS"])
        .body(|cluster| Box::pin(range_lists_own_slots(cluster))),
    check("slot-stats/replica-lists-slots-of-its-shard")
        .title("A replica lists the slots of its primary, with as many keys")
        .may("CLUSTER SLOT-STATS")
        .covers(&["slot-stats.replica"])
        .shape(2, 1)
        .servers(&SINCE)
        .commands(&["CLUSTER SLOT-STATS"])
        .body(|cluster| Box::pin(replica_lists_slots_of_its_shard(cluster))),
    check("slot-stats/key-count-is-countkeysinslot")
        .title("key-count follows each written and deleted key, and equals CLUSTER COUNTKEYSINSLOT")
        .may("CLUSTER SLOT-STATS")
        .covers(&["slot-stats.key-count"])
        .servers(&SINCE)
        .commands(&["CLUSTER SLOT-STATS"])
        .body(|cluster| Box::pin(key_count_is_countkeysinslot(cluster))),
    check("slot-stats/orderby-sorts-and-limits")
        .title(
            "ORDERBY sorts by the metric and then by slot, in both directions, and returns as many slots as LIMIT says",
        )
        .may("CLUSTER SLOT-STATS")
        .covers(&["slot-stats.orderby"])
        .shape(2, 0)
        .servers(&SINCE)
        .commands(&["CLUSTER SLOT-STATS"])
        .body(|cluster| Box::pin(orderby_sorts_and_limits(cluster))),
];

/// The number of keys that are written into a slot.
const KEYS: i64 = 5;

async fn range_lists_own_slots(cluster: &Cluster) -> Outcome {
    for primary in cluster.visited_primaries() {
        lists_slots_of(cluster, &primary, &primary).await?;
    }
    Ok(())
}

async fn replica_lists_slots_of_its_shard(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    write(cluster, &primary, slot, KEYS).await?;
    cluster.replicated(&primary).await?;
    for replica in cluster.replicas_of(&primary) {
        lists_slots_of(cluster, &primary, &replica).await?;
        let same =
            cluster.until(cluster.limits().replicate, "the replica counts as many keys as its primary", async || {
                let wanted = stats_of(cluster, &primary, slot).await?.of("key-count");
                counts(&stats_of(cluster, &replica, slot).await?, wanted, &replica)
            });
        same.await?;
    }
    Ok(())
}

async fn lists_slots_of(cluster: &Cluster, primary: &Node, node: &Node) -> Outcome {
    let own = cluster.all_slots_of(primary);
    let middle = cluster.slot_of(primary)?.number();
    for (start, end) in [(0, 16_383), (0, middle), (middle, 16_383), (middle, middle)] {
        let found = slot_stats(cluster, node, &["SLOTSRANGE", &start.to_string(), &end.to_string()]).await?;
        let slots: Vec<Slot> = found.iter().map(|entry| entry.slot).collect();
        let inside = |slot: &&Slot| (start..=end).contains(&slot.number());
        let wanted: Vec<Slot> = own.iter().filter(inside).copied().collect();
        ensure!(
            slots == wanted,
            format!(
                "the {} slots of its shard from {start} to {end}, in order, in CLUSTER SLOT-STATS of {}",
                wanted.len(),
                node.address
            ),
            "{} slots, of which the first ones are {}",
            slots.len(),
            list(slots.iter().take(5))
        );
        let without = found.iter().find(|entry| entry.of("key-count") < 0);
        ensure!(
            without.is_none(),
            format!("a key-count for each slot in CLUSTER SLOT-STATS of {}", node.address),
            "no key-count for slot {}",
            list(without.iter().map(|entry| entry.slot))
        );
    }
    Ok(())
}

fn counts(stats: &SlotStats, wanted: i64, node: &Node) -> Outcome {
    let found = stats.of("key-count");
    ensure!(
        found == wanted,
        format!("key-count {wanted} for slot {} in CLUSTER SLOT-STATS of {}", stats.slot, node.address),
        "{found}"
    );
    Ok(())
}

async fn write(cluster: &Cluster, primary: &Node, slot: Slot, keys: i64) -> Outcome {
    let writes: Vec<_> = (0..keys).map(|_| (command!["SET", cluster.keys().fresh(slot), "v"], Expect::Ok)).collect();
    cluster.expect_all(primary, &writes).await.map(drop)
}

async fn key_count_is_countkeysinslot(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.empty_slot_of(&primary).await?;
    let keys: Vec<String> = (0..KEYS).map(|_| cluster.keys().fresh(slot)).collect();
    let mut wanted = 0;
    for (name, change) in [("SET", 1), ("DEL", -1)] {
        for key in &keys {
            let sent = if name == "SET" { command!["SET", key, "v"] } else { command!["DEL", key] };
            cluster.expect(&primary, sent, Expect::NoError).await?;
            wanted += change;
            counts(&stats_of(cluster, &primary, slot).await?, wanted, &primary)?;
            let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
            cluster.expect(&primary, count, Expect::Integer(wanted)).await?;
        }
    }
    Ok(())
}

async fn orderby_sorts_and_limits(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let own = cluster.all_slots_of(&primary).len();
    for keys in 1..=KEYS {
        write(cluster, &primary, cluster.slot_of(&primary)?, keys).await?;
    }
    for direction in ["DESC", "ASC"] {
        for limit in [1, 3, own.min(16_384), 16_384] {
            let limit_text = limit.to_string();
            let words = ["ORDERBY", "key-count", "LIMIT", &limit_text, direction];
            let found = slot_stats(cluster, &primary, &words).await?;
            ensure!(
                found.len() == limit.min(own),
                format!("{} slots in CLUSTER SLOT-STATS {} of {}", limit.min(own), words.join(" "), primary.address),
                "{}",
                found.len()
            );
            is_sorted(&found, direction == "DESC", &primary)?;
        }
    }
    let greatest = slot_stats(cluster, &primary, &["ORDERBY", "key-count", "LIMIT", "1"]).await?;
    ensure!(
        greatest.first().is_some_and(|entry| entry.of("key-count") >= KEYS),
        format!(
            "a slot with {KEYS} keys or more first in CLUSTER SLOT-STATS ORDERBY key-count LIMIT 1 of {}",
            primary.address
        ),
        "key-count {}",
        list(greatest.iter().map(|entry| entry.of("key-count")))
    );
    Ok(())
}

fn is_sorted(entries: &[SlotStats], descending: bool, node: &Node) -> Outcome {
    let rank = |entry: &SlotStats| {
        let count = entry.of("key-count");
        (if descending { -count } else { count }, entry.slot.number())
    };
    let wrong = entries.windows(2).find(|two| rank(&two[0]) >= rank(&two[1]));
    ensure!(
        wrong.is_none(),
        format!("slots in order of key-count and then of slot in CLUSTER SLOT-STATS of {}", node.address),
        "{}",
        wrong.map_or_else(String::new, |two| format!(
            "slot {} with key-count {} before slot {} with key-count {}",
            two[0].slot,
            two[0].of("key-count"),
            two[1].slot,
            two[1].of("key-count")
        ))
    );
    Ok(())
}
