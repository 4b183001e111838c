//! Faults while a slot is half moved: an end is killed, or fails over.

use wire::{Direction, Node, command};

use crate::cluster::Cluster;
use crate::code::failover::observe::state_is;
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::open_slots;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("reshard/target-dies-half-way")
        .title("After the target of a half-moved slot is killed and restarted, the move goes on and no key is lost")
        .should("MIGRATE")
        .covers(&["reshard.link-loss"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::KillNode])
        .body(|cluster| Box::pin(dies_half_way(cluster, End::Target))),
    check("reshard/source-dies-half-way")
        .title("After the source of a half-moved slot is killed and restarted, the move goes on and no key is lost")
        .should("MIGRATE")
        .covers(&["reshard.link-loss"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::KillNode])
        .body(|cluster| Box::pin(dies_half_way(cluster, End::Source))),
    check("reshard/source-fails-over-half-way")
        .title("After a failover of the source of a half-moved slot, the move can be finished and no key is lost")
        .should("live-reconfiguration")
        .covers(&["reshard.primary-failover-mid"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot, Need::ChangeRoles])
        .body(|cluster| Box::pin(fails_over_half_way(cluster, End::Source))),
    check("reshard/target-fails-over-half-way")
        .title("After a failover of the target of a half-moved slot, the move can be finished and no key is lost")
        .should("live-reconfiguration")
        .covers(&["reshard.primary-failover-mid"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot, Need::ChangeRoles])
        .body(|cluster| Box::pin(fails_over_half_way(cluster, End::Target))),
    check("reshard/open-slot-survives-failover")
        .title("A replica that takes over the source or the target of an open slot has the slot open as well")
        .may("live-reconfiguration")
        .covers(&["reshard.primary-failover-mid", "failover.slots-move-with-open-state"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot, Need::ChangeRoles])
        .servers(&["valkey >=8.0"])
        .body(|cluster| Box::pin(open_slot_survives_failover(cluster))),
];

/// An end of the move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Target,
}

impl End {
    fn of(self, route: &Route) -> &Node {
        match self {
            Self::Source => &route.source,
            Self::Target => &route.target,
        }
    }
}

/// The keys of a half-moved slot.
const KEYS: [&str; 5] = ["here", "here2", "gone", "gone2", "list"];

async fn dies_half_way(cluster: &Cluster, end: End) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let route = &motion.route;
    let victim = end.of(route);
    written_to_disk(cluster, victim).await?;
    cluster.kill(victim).await?;
    if end == End::Target {
        let migrate = cluster.migrate_command(&route.target, &[motion.key("here").into_bytes()], &[]);
        cluster.expect(&route.source, migrate, Expect::error("IOERR")).await?;
        cluster.expect(&route.source, command!["GET", motion.key("here")], Expect::text("v")).await?;
    }
    cluster.restart(victim, Restart::WithData).await?;
    cluster
        .until(cluster.limits().restart, "the killed node serves its keys of the slot again", async || {
            cluster.expect(&route.source, command!["GET", motion.key("here")], Expect::text("v")).await?;
            let mut session = cluster.session(&route.target).await?;
            session.expect(command!["ASKING"], Expect::Ok).await?;
            session.expect(command!["GET", motion.key("gone")], Expect::text("v")).await
        })
        .await?;
    finish(&motion, &route.source, &route.target).await
}

/// Saves the data of a node, and waits until the system has what its append-only file should have.
///
/// With `appendfsync everysec`, a server writes up to two seconds late while the disk is busy.
async fn written_to_disk(cluster: &Cluster, node: &Node) -> Outcome {
    cluster.expect(node, command!["SAVE"], Expect::Ok).await?;
    cluster
        .until(cluster.limits().reply, "the append-only file has every write", async || {
            let info = cluster.info(node, &command!["INFO", "persistence"]).await?;
            let left = info.get("aof_buffer_length").map_or("0", String::as_str);
            ensure!(left == "0", format!("aof_buffer_length:0 of {}", node.address), "{left}");
            Ok(())
        })
        .await
}

async fn fails_over_half_way(cluster: &Cluster, end: End) -> Outcome {
    let motion = Motion::along(cluster, Route::with_replicas(cluster)?, Stage::HalfMoved).await?;
    let victim = end.of(&motion.route);
    cluster.replicated(victim).await?;
    let heir = cluster.replica_of(victim)?;
    cluster.take_over(&heir).await?;
    let (source, target) = match end {
        End::Source => (&heir, &motion.route.target),
        End::Target => (&motion.route.source, &heir),
    };
    // While it imports the slot, an older server learns its new owner from nobody.
    for node in [source, target] {
        motion.route.setslot(cluster, node, &["STABLE"]).await?;
    }
    cluster.promoted(&heir).await?;
    cluster
        .until(cluster.limits().failover, "all nodes report cluster_state:ok after the failover", async || {
            state_is(cluster, &cluster.nodes(), "ok").await
        })
        .await?;
    finish(&motion, source, target).await
}

/// Finishes the move between the nodes that are the ends now, and requires that every key has arrived.
///
/// It closes and opens the slot first, because older servers forget at a failover that it was open.
async fn finish(motion: &Motion<'_>, source: &Node, target: &Node) -> Outcome {
    let (cluster, slot) = (motion.cluster, motion.route.slot);
    cluster
        .until(cluster.limits().converge, "the ends accept SETSLOT", async || {
            cluster.open_slot(slot, source, target).await
        })
        .await?;
    cluster.move_keys(slot, source, target).await?;
    cluster.assign_slot(slot, source, target).await?;
    let exists = KEYS.iter().fold(command!["EXISTS"], |command, name| command.arg(motion.key(name)));
    cluster.expect(target, exists, Expect::Integer(KEYS.len() as i64)).await?;
    let read = command!["GET", motion.key("gone")];
    cluster.expect(target, &read, Expect::text("v")).await?;
    cluster.expect(source, &read, Expect::moved(slot, target)).await?;
    cluster.move_slot(slot, target, source).await?;
    for node in cluster.primaries() {
        is_open(cluster, &node, motion, None).await?;
    }
    Ok(())
}

async fn open_slot_survives_failover(cluster: &Cluster) -> Outcome {
    let motion = Motion::along(cluster, Route::with_replicas(cluster)?, Stage::HalfMoved).await?;
    let Route { source, target, .. } = &motion.route;
    cluster.replicated(source).await?;
    cluster.replicated(target).await?;
    let new_source = cluster.replica_of(source)?;
    cluster.failover(&new_source, None).await?;
    is_open(cluster, &new_source, &motion, Some((Direction::Migrating, target))).await?;
    is_open(cluster, target, &motion, Some((Direction::Importing, &new_source))).await?;
    let ask = Expect::error(format!("ASK {} {}", motion.route.slot, target.endpoint));
    cluster.expect(&new_source, command!["GET", motion.key("gone")], ask).await?;
    let new_target = cluster.replica_of(target)?;
    cluster.failover(&new_target, None).await?;
    is_open(cluster, &new_source, &motion, Some((Direction::Migrating, &new_target))).await?;
    is_open(cluster, &new_target, &motion, Some((Direction::Importing, &new_source))).await?;
    let mut session = cluster.session(&new_target).await?;
    session.expect(command!["ASKING"], Expect::Ok).await?;
    session.expect(command!["GET", motion.key("gone")], Expect::text("v")).await?;
    cluster.move_keys(motion.route.slot, &new_source, &new_target).await?;
    cluster.assign_slot(motion.route.slot, &new_source, &new_target).await?;
    cluster.expect(&new_target, command!["GET", motion.key("here")], Expect::text("v")).await?;
    cluster.move_slot(motion.route.slot, &new_target, &new_source).await
}

/// Waits until a node shows the slot as open towards another node, or as closed.
async fn is_open(cluster: &Cluster, node: &Node, motion: &Motion<'_>, wanted: Option<(Direction, &Node)>) -> Outcome {
    let slot = motion.route.slot;
    cluster
        .until(cluster.limits().converge, "the node shows the slot as open towards the right node", async || {
            let view = cluster.view_of(node).await?;
            let own = view.myself().map(|own| own.open.clone()).unwrap_or_default();
            let found: Vec<_> = own.iter().filter(|open| open.slot == slot).map(|o| (o.direction, o.peer)).collect();
            let wanted: Vec<_> = wanted.iter().map(|(direction, peer)| (*direction, peer.id)).collect();
            let expected = match wanted.first() {
                Some((_, peer)) => format!("slot {slot} open towards {peer} on {}", node.address),
                None => format!("slot {slot} closed on {}", node.address),
            };
            ensure!(found == wanted, expected, "{}", open_slots(&own));
            Ok(())
        })
        .await
}
