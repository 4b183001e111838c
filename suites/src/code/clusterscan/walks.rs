//! Whole walks with CLUSTERSCAN: they are routed, complete, and survive a migration.

use std::collections::BTreeSet;

use wire::{Slot, command};

use super::walk::{Page, finish, owner, scan, step};
use crate::cluster::Cluster;
use crate::code::keyspace::population::{Home, has_all, has_only, pattern, populate};
use crate::code::motion::engine::Engine;
use crate::code::motion::engine::over_engines;
use crate::code::motion::route::draw_slots;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("clusterscan/begins-at-the-owner-of-its-cursor")
        .title(
            "CLUSTERSCAN 0 is routed like the key 0: the owner returns a cursor and no keys, and others answer MOVED",
        )
        .may("CLUSTERSCAN")
        .covers(&["clusterscan.start"])
        .shape(2, 0)
        .commands(&["CLUSTERSCAN"])
        .body(|cluster| Box::pin(begins_at_the_owner_of_its_cursor(cluster))),
    check("clusterscan/cursors-lead-to-their-slot")
        .title("Each cursor has the hash tag of a slot, whose owner continues the walk while others answer MOVED")
        .may("CLUSTERSCAN")
        .covers(&["clusterscan.cursor-routes"])
        .shape(2, 0)
        .commands(&["CLUSTERSCAN"])
        .body(|cluster| Box::pin(cursors_lead_to_their_slot(cluster))),
    check("clusterscan/returns-every-key")
        .title("A walk with CLUSTERSCAN ends and returns every key of the cluster that is there all the time")
        .may("CLUSTERSCAN")
        .covers(&["clusterscan.complete"])
        .shape(2, 0)
        .commands(&["CLUSTERSCAN"])
        .body(|cluster| Box::pin(returns_every_key(cluster))),
    check("clusterscan/options-select-keys")
        .title("CLUSTERSCAN with MATCH, TYPE or SLOT returns every key that fits, and no other key")
        .may("CLUSTERSCAN")
        .covers(&["clusterscan.options"])
        .shape(2, 0)
        .commands(&["CLUSTERSCAN"])
        .body(|cluster| Box::pin(options_select_keys(cluster))),
];

pub(super) const MOVES: &[CodeCheck] = over_engines! {
    "clusterscan/survives-a-move",
    "A walk with CLUSTERSCAN returns every key although slots move meanwhile",
    may("CLUSTERSCAN"), &["clusterscan.survives-move"], atomic &["clusterscan.survives-move"],
    shape(2, 0), needs &[Need::MoveSlot], servers &["valkey >=9.1"], survives_a_move
};

/// The number of keys on each primary.
const KEYS: usize = 60;
/// The number of slots that move, and of keys in each of them.
const SLOTS: usize = 2;
const KEYS_OF_SLOT: usize = 40;
/// The most cursors that a check follows without keys.
const CURSORS: usize = 2_000;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn begins_at_the_owner_of_its_cursor(cluster: &Cluster) -> Outcome {
    let first = owner(cluster, "0")?;
    for primary in cluster.visited_primaries() {
        let is_first = primary.id == first.id;
        let nothing = Expect::Items(vec![Expect::Contains("{".to_owned()), Expect::Length(0)]);
        let expect = if is_first { nothing } else { Expect::moved(Slot::of("0"), &first) };
        cluster.expect(&primary, command!["CLUSTERSCAN", "0"], expect.clone()).await?;
        // A slot of the node itself does not change where the cursor 0 leads.
        let own = cluster.slot_of(&primary)?.to_string();
        cluster.expect(&primary, command!["CLUSTERSCAN", "0", "SLOT", own], expect).await?;
    }
    Ok(())
}

async fn cursors_lead_to_their_slot(cluster: &Cluster) -> Outcome {
    populate(cluster, KEYS, &[]).await?;
    let options = words(&["COUNT", "10"]);
    let mut page = step(cluster, "0", &options).await?;
    let mut led = BTreeSet::new();
    for _ in 0..CURSORS {
        if page.is_last() {
            break;
        }
        let slot = Slot::of(&page.cursor);
        let next = owner(cluster, &page.cursor)?;
        led.insert(next.id);
        let other = cluster.non_owner(slot)?;
        cluster.expect(&other, scan(&page.cursor, &options), Expect::moved(slot, &next)).await?;
        page = step(cluster, &page.cursor, &options).await?;
    }
    ensure!(
        page.is_last() && led.len() == cluster.primaries().len(),
        format!("cursors that lead to each of {} primaries and end with 0", cluster.primaries().len()),
        "cursors to {} primaries that end with {}",
        led.len(),
        page.cursor
    );
    Ok(())
}

async fn returns_every_key(cluster: &Cluster) -> Outcome {
    let homes = populate(cluster, KEYS, &[]).await?;
    let passing: Vec<String> =
        (0..KEYS).map(|_| Ok(cluster.keys().fresh(cluster.slot_of(&homes[0].primary)?))).collect::<Outcome<_>>()?;
    let options = words(&["COUNT", "20"]);
    let mut page = Page::start();
    let mut found = Vec::new();
    // Keys come and go during the first pages.
    for (nth, key) in passing.iter().enumerate() {
        page = step(cluster, &page.cursor, &options).await?;
        found.append(&mut page.keys);
        if page.is_last() {
            break;
        }
        cluster.expect(&homes[0].primary, command!["SET", key, "v"], Expect::Ok).await?;
        if nth % 3 == 0 {
            cluster.expect(&homes[0].primary, command!["DEL", key], Expect::Integer(1)).await?;
        }
    }
    if !page.is_last() {
        found.extend(finish(cluster, page, &options).await?);
    }
    for Home { primary, keys } in &homes {
        has_all(keys, &found, "CLUSTERSCAN", primary)?;
    }
    Ok(())
}

async fn options_select_keys(cluster: &Cluster) -> Outcome {
    let homes = populate(cluster, KEYS, &[]).await?;
    let all: BTreeSet<String> = homes.iter().flat_map(|home| home.keys.iter().cloned()).collect();
    let primary = cluster.some_primary()?;
    let slot = cluster.empty_slot_of(&primary).await?;
    let lists: BTreeSet<String> = (0..KEYS_OF_SLOT).map(|_| cluster.keys().fresh(slot)).collect();
    let writes: Vec<_> = lists.iter().map(|key| (command!["RPUSH", key, "v"], Expect::Integer(1))).collect();
    cluster.expect_all(&primary, &writes).await?;
    let pattern = pattern(cluster);
    let number = slot.to_string();
    let pinned =
        lists.first().and_then(|key| key.split_once('}')).map(|(tag, _)| format!("{tag}}}*")).unwrap_or_default();
    let everything: BTreeSet<String> = all.union(&lists).cloned().collect();
    let rows: [(&[&str], &BTreeSet<String>); 5] = [
        (&["MATCH", &pattern, "COUNT", "50"], &everything),
        (&["MATCH", &pattern, "COUNT", "50", "TYPE", "list"], &lists),
        (&["TYPE", "string", "MATCH", &pattern], &all),
        (&["SLOT", &number, "MATCH", &pattern, "COUNT", "7"], &lists),
        (&["MATCH", &pinned, "COUNT", "7"], &lists),
    ];
    for (options, wanted) in rows {
        let options = words(options);
        let found = finish(cluster, Page::start(), &options).await?;
        let name = format!("CLUSTERSCAN {}", options.join(" "));
        has_all(wanted, &found, &name, &primary)?;
        has_only(wanted, &found, &name, &primary)?;
    }
    Ok(())
}

async fn survives_a_move(cluster: &Cluster, engine: &Engine) -> Outcome {
    if !cluster.may_have("CLUSTERSCAN").await? {
        return Err(Stop::skip("the server does not have CLUSTERSCAN"));
    }
    let source = cluster.some_primary()?;
    let slots = draw_slots(cluster, &source, SLOTS)?;
    let target = cluster.non_owner(slots[0])?;
    let homes = populate(cluster, KEYS, &slots).await?;
    let moving: BTreeSet<String> =
        slots.iter().flat_map(|slot| (0..KEYS_OF_SLOT).map(|_| cluster.keys().fresh(*slot))).collect();
    let writes: Vec<_> = moving.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
    cluster.expect_all(&source, &writes).await?;

    // The walk stands in the middle of a slot that moves.
    let options = words(&["COUNT", "10"]);
    let mut page = Page::start();
    let mut found = Vec::new();
    for _ in 0..CURSORS {
        page = step(cluster, &page.cursor, &options).await?;
        found.append(&mut page.keys);
        if page.is_last() || found.iter().any(|key| moving.contains(key)) {
            break;
        }
    }
    (engine.move_slots)(cluster, &slots, &source, &target).await?;
    if !page.is_last() {
        found.extend(finish(cluster, page, &options).await?);
    }
    has_all(&moving, &found, "CLUSTERSCAN during the migration", &source)?;
    for Home { primary, keys } in &homes {
        has_all(keys, &found, "CLUSTERSCAN during the migration", primary)?;
    }
    (engine.move_slots)(cluster, &slots, &target, &source).await
}
