//! SCAN while slots move, and cursors that outlive the node that issued them.

use std::collections::BTreeSet;

use wire::{Node, Slot, command};

use super::population::{Home, Walk, has_all, has_only, listed, populate};
use crate::cluster::Cluster;
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::pair::pair;
use crate::code::motion::route::draw_slots;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = over_engines! {
    "keyspace/scan-survives-a-move",
    "A SCAN during a migration returns every key that stays, and afterwards no key that moved",
    should("SCAN"), &["keyspace.scan-during-reshard"], atomic &["keyspace.scan-during-reshard"],
    shape(2, 0), needs &[Need::MoveSlot], servers &[], scan_survives_a_move
};

pub(super) const SEEDS: &[CodeCheck] = &[check("keyspace/equal-seeds-share-cursors")
    .title("With the same hash-seed on all nodes, a replica continues a SCAN that its primary began")
    .may("SCAN")
    .covers(&["keyspace.hash-seed"])
    .needs(&[Need::FreshNode])
    .servers(&["valkey >=9.1"])
    .body(|cluster| Box::pin(equal_seeds_share_cursors(cluster)))];

/// The number of keys that stay on each primary.
const STAYING: usize = 100;
/// The number of slots that move, and of keys in each of them.
const SLOTS: usize = 3;
const KEYS_OF_SLOT: usize = 20;

async fn scan_survives_a_move(cluster: &Cluster, engine: &Engine) -> Outcome {
    let source = cluster.some_primary()?;
    let slots = draw_slots(cluster, &source, SLOTS)?;
    let target = cluster.non_owner(slots[0])?;
    let homes = populate(cluster, STAYING, &slots).await?;
    let moving: BTreeSet<String> =
        slots.iter().flat_map(|slot| (0..KEYS_OF_SLOT).map(|_| cluster.keys().fresh(*slot))).collect();
    let writes: Vec<_> = moving.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
    cluster.expect_all(&source, &writes).await?;

    let mut walks = Vec::new();
    for home in &homes {
        let mut walk = Walk::on(cluster, &home.primary, None).await?;
        let first = walk.step("0").await?;
        walks.push((home, walk, first));
    }
    (engine.move_slots)(cluster, &slots, &source, &target).await?;
    for (home, mut walk, first) in walks {
        let mut found = first.keys;
        if first.cursor != "0" {
            found.extend(walk.finish(&first.cursor).await?);
        }
        has_all(&home.keys, &found, "SCAN during the migration", &home.primary)?;
        has_only(&home.keys.union(&moving).cloned().collect(), &found, "SCAN during the migration", &home.primary)?;
    }
    lists_its_own(cluster, &homes, &target, &moving).await?;
    (engine.move_slots)(cluster, &slots, &target, &source).await
}

/// Waits until each primary lists its own keys, and only the target those that moved.
async fn lists_its_own(cluster: &Cluster, homes: &[Home], target: &Node, moved: &BTreeSet<String>) -> Outcome {
    for Home { primary, keys } in homes {
        let mut wanted = keys.clone();
        if primary.id == target.id {
            wanted.extend(moved.iter().cloned());
        }
        let settled =
            cluster.until(cluster.limits().converge, "the node lists the keys of its own slots", async || {
                let found = listed(cluster, primary).await?;
                has_all(&wanted, &found, "KEYS", primary)?;
                has_only(&wanted, &found, "KEYS", primary)?;
                let scanned = Walk::on(cluster, primary, None).await?.finish("0").await?;
                has_only(&wanted, &scanned, "SCAN", primary)
            });
        settled.await?;
    }
    Ok(())
}

/// The number of keys for a walk of many pages.
const MANY: usize = 2_000;

async fn equal_seeds_share_cursors(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[("hash-seed", "rct")]).await?;
    let slot = Slot::of("foo");
    let keys: BTreeSet<String> = (0..MANY).map(|_| cluster.keys().fresh(slot)).collect();
    let writes: Vec<_> = keys.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
    cluster.expect_all(&pair.source, &writes).await?;
    cluster.expect(&pair.target, command!["CLUSTER", "REPLICATE", pair.source.id], Expect::Ok).await?;
    let count = i64::try_from(keys.len()).map_err(|error| Stop::broken(error.to_string()))?;
    let copied = cluster.until(cluster.limits().restart, "the replica has all keys", async || {
        cluster.expect(&pair.target, command!["DBSIZE"], Expect::Integer(count)).await
    });
    copied.await?;

    let mut walk = Walk::on(cluster, &pair.source, None).await?;
    let first = walk.step("0").await?;
    let second = walk.step(&first.cursor).await?;
    let rest = Walk::on(cluster, &pair.target, None).await?.finish(&second.cursor).await?;
    let found = [first.keys, second.keys, rest].concat();
    has_all(&keys, &found, "SCAN that began on the primary and continued on the replica", &pair.target)
}
