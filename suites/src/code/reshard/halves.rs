//! Migrations that stopped half-way: each can be finished, and each can be undone.

use wire::{Slot, command};

use super::contents::count_keys;
use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("reshard/half-move-is-finished")
        .title("A migration that stopped at any stage is finished with SETSLOT and MIGRATE, and no key is lost")
        .should("CLUSTER SETSLOT")
        .covers(&["reshard.half-migrated"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(half_move_is_finished(cluster))),
    check("reshard/half-move-is-undone")
        .title("A migration that stopped before SETSLOT NODE is undone with MIGRATE and SETSLOT, and no key is lost")
        .should("CLUSTER SETSLOT")
        .covers(&["reshard.half-migrated"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(half_move_is_undone(cluster))),
    check("reshard/lost-slot-loses-its-keys")
        .title("A primary that loses a slot to a node with a greater config epoch deletes the keys of the slot, on its replicas too")
        .should("hash-slots-configuration-propagation")
        .covers(&["reshard.lost-slot-keys-dropped"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        // Redis 7.0 deletes the keys only on the primary; 7.2 fixed it (redis/redis#10967).
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(lost_slot_loses_its_keys(cluster))),
];

/// The stages at which an operator may find a slot.
const STAGES: [Stage; 5] =
    [Stage::Closed, Stage::OnlyImporting, Stage::OnlyMigrating, Stage::HalfMoved, Stage::HandedOver];
/// The keys that every stage has at one end or the other.
const KEYS: [&str; 5] = ["here", "here2", "gone", "gone2", "list"];

async fn half_move_is_finished(cluster: &Cluster) -> Outcome {
    for stage in STAGES {
        let motion = Motion::begin(cluster, stage).await?;
        let Route { slot, source, target } = &motion.route;
        if stage != Stage::HandedOver {
            cluster.open_slot(*slot, source, target).await?;
            cluster.move_keys(*slot, source, target).await?;
        }
        cluster.assign_slot(*slot, source, target).await?;
        is_whole(&motion, &motion.route.back()).await?;
        cluster.move_slot(*slot, target, source).await?;
        clean(cluster, &motion, *slot).await?;
    }
    Ok(())
}

async fn half_move_is_undone(cluster: &Cluster) -> Outcome {
    for stage in &STAGES[..4] {
        let motion = Motion::begin(cluster, *stage).await?;
        let Route { slot, source, target } = &motion.route;
        let back = ["gone", "gone2"].map(|name| motion.key(name).into_bytes());
        if *stage == Stage::HalfMoved {
            // While it migrates the slot, the source would redirect the keys that come back.
            motion.route.setslot(cluster, source, &["STABLE"]).await?;
            let restored = cluster.migrate_command(source, &back, &[]);
            cluster.expect(target, restored, Expect::Ok).await?;
        }
        for node in [source, target] {
            motion.route.setslot(cluster, node, &["STABLE"]).await?;
        }
        is_whole(&motion, &motion.route).await?;
        clean(cluster, &motion, *slot).await?;
    }
    Ok(())
}

/// Requires that the owner has all keys, that the other end has none, and that nothing is open.
async fn is_whole(motion: &Motion<'_>, route: &Route) -> Outcome {
    let (cluster, owner, other) = (motion.cluster, &route.source, &route.target);
    let exists = KEYS.iter().fold(command!["EXISTS"], |command, name| command.arg(motion.key(name)));
    cluster.expect(owner, exists, Expect::Integer(KEYS.len() as i64)).await?;
    cluster.expect(owner, command!["GET", motion.key("none")], Expect::Null).await?;
    cluster.expect(other, command!["GET", motion.key("none")], Expect::moved(route.slot, owner)).await?;
    let left = count_keys(cluster, other, route.slot).await?;
    ensure!(
        left == 0,
        format!("no key in slot {} of {}", route.slot, other.address),
        "{left} keys at {:?}",
        motion.stage
    );
    for node in [owner, other] {
        let view = cluster.view_of(node).await?;
        let open = view.myself().map(|own| own.open.clone()).unwrap_or_default();
        ensure!(
            open.iter().all(|open| open.slot != route.slot),
            format!("slot {} closed on {}, which was at stage {:?}", route.slot, node.address, motion.stage),
            "{}",
            crate::words::open_slots(&open)
        );
    }
    Ok(())
}

/// Deletes the keys before the next stage.
async fn clean(cluster: &Cluster, motion: &Motion<'_>, slot: Slot) -> Outcome {
    let delete = KEYS.iter().fold(command!["DEL"], |command, name| command.arg(motion.key(name)));
    cluster.expect(&cluster.owner(slot)?, delete, Expect::Integer(KEYS.len() as i64)).await.map(drop)
}

async fn lost_slot_loses_its_keys(cluster: &Cluster) -> Outcome {
    let mut route = Route::with_replicas(cluster)?;
    // The source deletes every key of the slot, whoever wrote it.
    route.slot = cluster.empty_slot_of(&route.source).await?;
    let Route { slot, source, target } = &route;
    let key = route.key(cluster, "lost");
    cluster.expect(source, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(source).await?;
    // A node that imports a slot raises its config epoch when it gets the slot, and so wins over the source.
    cluster.open_importing(*slot, source, target).await?;
    route.setslot(cluster, target, &["NODE", target.id.as_str()]).await?;
    cluster.owned(*slot, target).await?;
    for node in [source.clone()].into_iter().chain(cluster.replicas_of(source)) {
        cluster
            .until(cluster.limits().converge, "the keys of the lost slot are deleted", async || {
                cluster.expect(source, command!["PING"], Expect::NoError).await?;
                let left = count_keys(cluster, &node, *slot).await?;
                ensure!(left == 0, format!("no key in slot {slot} of {}", node.address), "{left} keys");
                Ok(())
            })
            .await?;
    }
    cluster.expect(target, command!["GET", &key], Expect::Null).await?;
    cluster.move_slot(*slot, target, source).await
}
