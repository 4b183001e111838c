//! Who owns a slot after it has moved, and when every node knows it.

use std::time::Instant;

use wire::{Node, Slot, command};

use crate::cluster::Cluster;
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::route::{Route, draw_slots};
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer::*, At::*, talk};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

/// A promise of every engine.
pub(super) const EMPTY_SLOT: &[CodeCheck] = over_engines!(
    "reshard/empty-slot-moves",
    "An empty slot moves, and every node, also a replica, redirects to its new owner",
    must("live-reconfiguration"),
    &["reshard.full-slot-empty", "reshard.gossip-spreads"],
    atomic & ["asm-valkey.moved-after"],
    shape(3, 1),
    needs & [Need::MoveSlot],
    servers & [],
    empty_slot_moves
);

/// A promise of every engine.
pub(super) const SEVERAL_SLOTS: &[CodeCheck] = over_engines!(
    "reshard/several-slots-move",
    "Several slots move one after the other, each with its own keys, and the other slots stay",
    should("live-reconfiguration"),
    &["reshard.many-slots"],
    atomic & ["asm-valkey.all-or-nothing"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & [],
    several_slots_move
);

/// The other checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("reshard/target-first-leaves-no-gap")
        .title("While SETSLOT NODE reaches the target, then the source, then the others, no node answers CLUSTERDOWN")
        .must("CLUSTER SETSLOT")
        .covers(&["reshard.setslot-order-dest-first"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(target_first_leaves_no_gap(cluster))),
    check("reshard/only-the-target-is-told")
        .title("Nodes that got no SETSLOT learn the new owner from the target, also the source")
        .must("hash-slots-configuration-propagation")
        .covers(&["reshard.gossip-spreads", "reshard.source-state-cleared"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(only_the_target_is_told(cluster))),
    check("reshard/many-open-slots")
        .title("Many slots that are open at once follow the rules of one open slot")
        .should("ask-redirection")
        .covers(&["reshard.many-slots"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(many_open_slots(cluster))),
];

/// The slots that move together.
const SLOTS: usize = 4;
/// The slots that are open at once.
const OPEN_SLOTS: usize = 40;

async fn empty_slot_moves(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let started = Instant::now();
    (engine.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;
    cluster.measure("known everywhere", started.elapsed());
    cluster
        .until(cluster.limits().converge, "every node names the new owner", async || {
            route.is_owned_by(cluster, target).await
        })
        .await?;
    let key = cluster.keys().fresh(*slot);
    for node in cluster.nodes().iter().filter(|node| node.id != target.id) {
        cluster.expect(node, command!["SET", &key, "v"], Expect::moved(*slot, target)).await?;
    }
    cluster.expect(target, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.expect(target, command!["DEL", &key], Expect::Integer(1)).await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn several_slots_move(cluster: &Cluster, engine: &Engine) -> Outcome {
    let source = cluster.some_primary()?;
    let mut slots = draw_slots(cluster, &source, SLOTS + 1)?;
    let stays = slots.pop().ok_or_else(|| Stop::skip("the check needs a primary with five slots"))?;
    let target = cluster.non_owner(stays)?;
    let epochs = epochs(cluster).await?;
    let key = |slot: &Slot| cluster.keys().named(*slot, "k");
    for slot in slots.iter().chain([&stays]) {
        cluster.expect(&source, command!["SET", key(slot), slot.to_string()], Expect::Ok).await?;
    }
    (engine.move_slots)(cluster, &slots, &source, &target).await?;
    for slot in &slots {
        cluster.expect(&target, command!["GET", key(slot)], Expect::text(slot.to_string())).await?;
        cluster.expect(&source, command!["GET", key(slot)], Expect::moved(*slot, &target)).await?;
    }
    cluster.expect(&source, command!["GET", key(&stays)], Expect::text(stays.to_string())).await?;
    cluster.expect(&target, command!["GET", key(&stays)], Expect::moved(stays, &source)).await?;
    let after = self::epochs(cluster).await?;
    let rise = after.saturating_sub(epochs);
    let most = if engine.is_open_meanwhile { SLOTS as u64 } else { 1 };
    ensure!(
        rise <= most,
        format!("the config epoch of {} to rise at most {most} times above the greatest of before", target.address),
        "from {epochs} to {after}"
    );
    (engine.move_slots)(cluster, &slots, &target, &source).await
}

/// The greatest config epoch of all nodes.
async fn epochs(cluster: &Cluster) -> Outcome<u64> {
    let view = cluster.live().agreed_view().await?;
    Ok(view.nodes.iter().map(|node| node.config_epoch).max().unwrap_or(0))
}

async fn target_first_leaves_no_gap(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HandedOver).await?;
    let route = &motion.route;
    let Route { slot, source, target } = route;
    let key = motion.key("here");
    // A node that has not heard of the change redirects to the source, and the source to the target.
    let known = |node: &Node| match node.id == target.id {
        true => Expect::text("v"),
        false => Expect::AnyOf(vec![motion.expect(Ask), motion.expect(MovedToSource), motion.expect(MovedToTarget)]),
    };
    let look = async || -> Outcome {
        for node in cluster.primaries() {
            cluster.expect(&node, command!["GET", &key], known(&node)).await?;
        }
        Ok(())
    };
    look().await?;
    route.setslot(cluster, source, &["NODE", target.id.as_str()]).await?;
    look().await?;
    for node in cluster.primaries().iter().filter(|node| node.id != source.id && node.id != target.id) {
        route.setslot(cluster, node, &["NODE", target.id.as_str()]).await?;
    }
    look().await?;
    for node in cluster.primaries().iter().filter(|node| node.id != target.id) {
        cluster.expect(node, command!["GET", &key], Expect::moved(*slot, target)).await?;
    }
    motion.end().await
}

async fn only_the_target_is_told(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HandedOver).await?;
    let route = &motion.route;
    let started = Instant::now();
    cluster.owned(route.slot, &route.target).await?;
    cluster.measure("known everywhere", started.elapsed());
    motion
        .hold(&[talk(Third, &[("GET {gone}", MovedToTarget)]), talk(Source, &[("GET {gone}", MovedToTarget)])])
        .await?;
    let is_closed = async || {
        let view = cluster.view_of(&route.source).await?;
        let own = view.myself().map(|own| own.open.clone()).unwrap_or_default();
        ensure!(
            own.is_empty(),
            format!("no open slot on the own line of {}", route.source.address),
            "{}",
            crate::words::open_slots(&own)
        );
        Ok(())
    };
    if !cluster.server().is("valkey >=8.0") {
        // Older servers keep the mark until they are told.
        route.setslot(cluster, &route.source, &["NODE", route.target.id.as_str()]).await?;
    }
    cluster.until(cluster.limits().converge, "the source no longer migrates the slot that it lost", is_closed).await?;
    motion.end().await
}

async fn many_open_slots(cluster: &Cluster) -> Outcome {
    let source = cluster.some_primary()?;
    let slots = draw_slots(cluster, &source, OPEN_SLOTS)?;
    let target = cluster.non_owner(slots[0])?;
    let (here, none) = (|slot| cluster.keys().named(slot, "here"), |slot| cluster.keys().named(slot, "none"));
    for slot in &slots {
        cluster.expect(&source, command!["SET", here(*slot), "v"], Expect::Ok).await?;
        cluster.open_slot(*slot, &source, &target).await?;
    }
    for slot in &slots {
        let ask = Expect::error(format!("ASK {slot} {}", target.endpoint));
        cluster.expect(&source, command!["GET", here(*slot)], Expect::text("v")).await?;
        cluster.expect(&source, command!["GET", none(*slot)], ask).await?;
        cluster.expect(&target, command!["GET", none(*slot)], Expect::moved(*slot, &source)).await?;
        cluster.expect(&target, command!["ASKING"], Expect::Ok).await?;
        cluster.expect(&target, command!["GET", none(*slot)], Expect::Null).await?;
    }
    for node in [&source, &target] {
        let view = cluster.view_of(node).await?;
        let open = view.myself().map(|own| own.open.len());
        ensure!(
            open == Some(slots.len()),
            format!("{} open slots on the own line of {}", slots.len(), node.address),
            "{}",
            or(open, "no own line")
        );
    }
    let (closed, still_open) = slots.split_at(OPEN_SLOTS / 2);
    for slot in closed {
        cluster.close_slot(*slot, &source, &target).await?;
        cluster.expect(&source, command!["GET", none(*slot)], Expect::Null).await?;
    }
    for slot in still_open {
        let ask = Expect::error(format!("ASK {slot} {}", target.endpoint));
        cluster.expect(&source, command!["GET", none(*slot)], ask).await?;
        cluster.close_slot(*slot, &source, &target).await?;
    }
    Ok(())
}
