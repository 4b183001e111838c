//! What newer servers hand over: open slots at a failover, and the shard of a primary that is told to end.

use std::time::Instant;

use wire::{Direction, Node, Slot, command};

use super::scene::Scene;
use super::watch::owned;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

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
    let source = Scene::draw(cluster)?;
    let slot = cluster.slot_of(&source.primary)?;
    let target = cluster.non_owner(slot)?;
    let (heir, target_heir) = (source.replica, cluster.replica_of(&target)?);
    let set = |word: &str, peer: &Node| command!["CLUSTER", "SETSLOT", slot.to_string(), word, &peer.id];
    cluster.expect(&target, set("IMPORTING", &source.primary), Expect::Ok).await?;
    cluster.expect(&source.primary, set("MIGRATING", &target), Expect::Ok).await?;
    for (replica, direction) in [(&heir, Direction::Migrating), (&target_heir, Direction::Importing)] {
        // A replica that does not know of the open slot yet could not go on with it.
        is_open(cluster, replica, slot, direction).await?;
        cluster.failover(replica, None).await?;
        is_open(cluster, replica, slot, direction).await?;
    }
    cluster.expect(&target_heir, set_stable(slot), Expect::Ok).await?;
    cluster.expect(&heir, set_stable(slot), Expect::Ok).await.map(drop)
}

fn set_stable(slot: Slot) -> wire::Command {
    command!["CLUSTER", "SETSLOT", slot.to_string(), "STABLE"]
}

/// Waits until a node's own line shows a slot as open.
async fn is_open(cluster: &Cluster, node: &Node, slot: Slot, direction: Direction) -> Outcome {
    cluster
        .until(cluster.limits().converge, "the node shows the slot as open", async || {
            let view = cluster.view_of(node).await?;
            let open = view.myself().map(|myself| myself.open.clone()).unwrap_or_default();
            let right = open.iter().any(|open| open.slot == slot && open.direction == direction);
            ensure!(right, format!("slot {slot} {direction:?} at {}", node.address), "{open:?}");
            Ok(())
        })
        .await
}

async fn handed_over_on_shutdown(cluster: &Cluster) -> Outcome {
    let scene = Scene::draw(cluster)?;
    let Scene { primary, replica, .. } = &scene;
    for node in [primary, replica] {
        cluster.set_config(node, "shutdown-on-sigterm", "failover").await?;
    }
    // Whoever is promoted now was asked to be: nobody stands for election by itself.
    for replica in cluster.replicas_of(primary) {
        cluster.set_config(&replica, "cluster-replica-no-failover", "yes").await?;
    }
    introduced(cluster, primary).await?;
    let told = Instant::now();
    cluster.stop(primary).await?;
    let heirs = cluster.replicas_of(primary);
    let promoted = cluster
        .until(cluster.limits().failover, "a replica was handed the slots", async || {
            let owner = cluster.view_of(replica).await?.owner(primary.slots[0].start).map(|node| node.id);
            let heir = heirs.iter().find(|heir| owner == Some(heir.id)).cloned();
            heir.ok_or_else(|| {
                crate::Stop::mismatch(format!("a replica of {} as owner", primary.address), format!("{owner:?}"))
            })
        })
        .await?;
    owned(cluster, &scene.survivors(), &promoted, &primary.slots).await?;
    cluster.measure("handed-over", told.elapsed());
    // Its only replica is gone by now; it must not wait for one for ever.
    cluster.stop(&promoted).await
}

/// Lets the replicas connect to their primary once more, and waits until it counts them as in sync. A replica tells its
/// id when it connects, and a primary that had not heard of it yet has no heir's name to give later on.
async fn introduced(cluster: &Cluster, primary: &Node) -> Outcome {
    let kill = command!["CLIENT", "KILL", "TYPE", "replica"];
    cluster.expect(primary, kill, Expect::Kind(Kind::Integer)).await?;
    let replicas = cluster.replicas_of(primary).len();
    cluster
        .until(cluster.limits().replicate, "the primary counts its replicas as in sync", async || {
            let fields = cluster.info(primary, &command!["INFO", "replication"]).await?;
            let written = fields.get("master_repl_offset").map_or("", String::as_str);
            let in_sync = format!("state=online,offset={written},");
            let seen = (0..).map_while(|number| fields.get(&format!("slave{number}")));
            let seen: Vec<&String> = seen.filter(|replica| replica.contains(&in_sync)).collect();
            ensure!(seen.len() == replicas, format!("{replicas} replicas with {in_sync}"), "{fields:?}");
            Ok(())
        })
        .await
}
