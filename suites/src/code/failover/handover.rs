//! What newer servers hand over: open slots in a failover, and the slots of a primary that shuts down.

use std::time::Instant;

use wire::{Direction, Node, Slot, command};

use super::observe::owned;
use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::{open_slots, or};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/open-slots-survive")
        .title("A promoted replica continues the open slots of its primary, at the source and at the target")
        .may("CLUSTER SETSLOT")
        .covers(&["failover.slots-move-with-open-state"])
        .shape(2, 1)
        .needs(&[Need::ChangeRoles, Need::MoveSlot])
        .servers(&["valkey >=8.0"])
        .body(|cluster| Box::pin(open_slots_survive(cluster))),
    check("failover/handed-over-on-shutdown")
        .title("A primary set to fail over on shutdown hands over its slots, and stops even without a replica")
        .may("SHUTDOWN")
        .covers(&["failover.shutdown-failover"])
        .shape(3, 1)
        .needs(&[Need::RestartNode, Need::ChangeRoles, Need::SetConfig])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(handed_over_on_shutdown(cluster))),
];

async fn open_slots_survive(cluster: &Cluster) -> Outcome {
    let source = Participants::draw(cluster)?;
    let slot = cluster.slot_of(&source.primary)?;
    let target = cluster.non_owner(slot)?;
    let (successor, target_successor) = (source.replica, cluster.replica_of(&target)?);
    let set = |word: &str, peer: &Node| command!["CLUSTER", "SETSLOT", slot.to_string(), word, &peer.id];
    cluster.expect(&target, set("IMPORTING", &source.primary), Expect::Ok).await?;
    cluster.expect(&source.primary, set("MIGRATING", &target), Expect::Ok).await?;
    for (replica, direction) in [(&successor, Direction::Migrating), (&target_successor, Direction::Importing)] {
        // A replica must know the open slot before it can continue it.
        is_open(cluster, replica, slot, direction).await?;
        cluster.failover(replica, None).await?;
        is_open(cluster, replica, slot, direction).await?;
    }
    cluster.expect(&target_successor, set_stable(slot), Expect::Ok).await?;
    cluster.expect(&successor, set_stable(slot), Expect::Ok).await.map(drop)
}

fn set_stable(slot: Slot) -> wire::Command {
    command!["CLUSTER", "SETSLOT", slot.to_string(), "STABLE"]
}

/// Waits until a node shows a slot as open on its own line of CLUSTER NODES.
async fn is_open(cluster: &Cluster, node: &Node, slot: Slot, direction: Direction) -> Outcome {
    cluster
        .until(cluster.limits().converge, "the node shows the slot as open", async || {
            let view = cluster.view_of(node).await?;
            let open = view.myself().map(|myself| myself.open.clone()).unwrap_or_default();
            let right = open.iter().any(|open| open.slot == slot && open.direction == direction);
            ensure!(
                right,
                format!("slot {slot} as {} on the own line of {}", direction_name(direction), node.address),
                "{}",
                open_slots(&open)
            );
            Ok(())
        })
        .await
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Migrating => "migrating",
        Direction::Importing => "importing",
    }
}

async fn handed_over_on_shutdown(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    for node in [primary, replica] {
        cluster.set_config(node, "shutdown-on-sigterm", "failover").await?;
    }
    // No replica starts an election by itself, so only the shutdown can cause a promotion.
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-no-failover", "yes").await?;
    }
    reconnected(cluster, primary).await?;
    let told = Instant::now();
    cluster.stop(primary).await?;
    let replicas_before = cluster.replicas_of(primary);
    let promoted = cluster
        .until(cluster.limits().failover, "a replica has received the slots", async || {
            let owner = cluster.view_of(replica).await?.owner(primary.slots[0].start).map(|node| node.id);
            let successor = replicas_before.iter().find(|successor| owner == Some(successor.id)).cloned();
            successor.ok_or_else(|| {
                crate::Stop::mismatch(
                    format!("a replica of {} as the owner of its slots", primary.address),
                    or(owner, "no owner"),
                )
            })
        })
        .await?;
    owned(cluster, &participants.survivors(), &promoted, &primary.slots).await?;
    cluster.measure("handed-over", told.elapsed());
    // The promoted node has no replica now, and must not wait for one forever.
    cluster.stop(&promoted).await
}

/// Makes the replicas connect to their primary again, and waits until they are in sync.
///
/// A replica sends its id when it connects. A primary that did not know the node at that time could not name it as its
/// successor later.
async fn reconnected(cluster: &Cluster, primary: &Node) -> Outcome {
    let kill = command!["CLIENT", "KILL", "TYPE", "replica"];
    cluster.expect(primary, kill, Expect::Kind(Kind::Integer)).await?;
    let replicas = cluster.replicas_of(primary).len();
    cluster
        .until(cluster.limits().replicate, "all replicas of the primary are in sync", async || {
            let fields = cluster.info(primary, &command!["INFO", "replication"]).await?;
            let written = fields.get("master_repl_offset").map_or("", String::as_str);
            let in_sync = format!("state=online,offset={written},");
            let seen = (0..).map_while(|number| fields.get(&format!("slave{number}")));
            let seen: Vec<&String> = seen.filter(|replica| replica.contains(&in_sync)).collect();
            ensure!(
                seen.len() == replicas,
                format!("{replicas} replicas with {in_sync} in INFO of {}", primary.address),
                "{} of them",
                seen.len()
            );
            Ok(())
        })
        .await
}
