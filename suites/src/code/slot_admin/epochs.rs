//! CLUSTER SET-CONFIG-EPOCH and BUMPEPOCH, and the epoch that a node gives itself with a slot.

use wire::{Node, command};

use super::company::{acquainted, meet};
use super::lines::refuses;
use super::own::own_line;
use crate::cluster::Cluster;
use crate::code::failover::observe::{cluster_number, highest_config_epoch};
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/set-config-epoch")
        .title("CLUSTER SET-CONFIG-EPOCH gives a new node an epoch once, and no node that knows others")
        .should("CLUSTER SET-CONFIG-EPOCH")
        .covers(&["slot-admin.set-config-epoch"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(set_config_epoch(cluster))),
    check("slot-admin/bumpepoch")
        .title("CLUSTER BUMPEPOCH answers BUMPED with a new epoch, and STILL with the same one if it is the greatest")
        .should("CLUSTER BUMPEPOCH")
        .covers(&["slot-admin.bumpepoch"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(bumpepoch(cluster))),
    check("slot-admin/new-owner-has-the-greatest-epoch")
        .title("The importing node has the greatest config epoch after its own SETSLOT NODE")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-node-epoch"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(new_owner_has_the_greatest_epoch(cluster))),
];

/// Requires this config epoch of a node in its CLUSTER NODES and INFO.
async fn has_epoch(cluster: &Cluster, node: &Node, epoch: u64) -> Outcome {
    let shown = own_line(cluster, node).await?.config_epoch;
    let counted = cluster_number(cluster, node, "cluster_my_epoch").await?;
    ensure!(
        (shown, counted) == (epoch, epoch),
        format!("the config epoch {epoch} in CLUSTER NODES and INFO of {}", node.address),
        "{shown} in CLUSTER NODES and {counted} in CLUSTER INFO"
    );
    Ok(())
}

async fn set_config_epoch(cluster: &Cluster) -> Outcome {
    let (node, other) = (cluster.empty_node().await?, cluster.empty_node().await?);
    refuses(cluster, &node, &[], &["CLUSTER SET-CONFIG-EPOCH -1", "CLUSTER SET-CONFIG-EPOCH one"]).await?;
    cluster.expect(&node, command!["CLUSTER", "SET-CONFIG-EPOCH", "9"], Expect::Ok).await?;
    has_epoch(cluster, &node, 9).await?;
    let current = cluster_number(cluster, &node, "cluster_current_epoch").await?;
    ensure!(current >= 9, format!("a current epoch of 9 or more of {}", node.address), "{current}");
    refuses(cluster, &node, &[], &["CLUSTER SET-CONFIG-EPOCH 10", "CLUSTER SET-CONFIG-EPOCH 9"]).await?;
    has_epoch(cluster, &node, 9).await?;
    acquainted(cluster, &[node.clone(), other.clone()], async || {
        cluster.expect(&node, meet(&other), Expect::Ok).await.map(drop)
    })
    .await?;
    refuses(cluster, &other, &[], &["CLUSTER SET-CONFIG-EPOCH 11"]).await
}

async fn bumpepoch(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    let bump = command!["CLUSTER", "BUMPEPOCH"];
    cluster.expect(&node, &bump, Expect::text("BUMPED 1")).await?;
    has_epoch(cluster, &node, 1).await?;
    for _ in 0..2 {
        cluster.expect(&node, &bump, Expect::text("STILL 1")).await?;
        has_epoch(cluster, &node, 1).await?;
    }
    Ok(())
}

async fn new_owner_has_the_greatest_epoch(cluster: &Cluster) -> Outcome {
    let Route { slot, source, target } = Route::draw(cluster)?;
    let nodes = cluster.nodes();
    for (from, to) in [(&source, &target), (&target, &source)] {
        let before = highest_config_epoch(cluster, &nodes).await?;
        // A node that has not heard of a greater epoch keeps its own.
        let heard = cluster.until(cluster.limits().converge, "the node knows the greatest epoch", async || {
            let known = highest_config_epoch(cluster, std::slice::from_ref(to)).await?;
            ensure!(known == before, format!("the epoch {before} in CLUSTER NODES of {}", to.address), "{known}");
            Ok(())
        });
        heard.await?;
        cluster.open_slot(slot, from, to).await?;
        cluster.move_keys(slot, from, to).await?;
        cluster.expect(to, command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", to.id], Expect::Ok).await?;
        let own = own_line(cluster, to).await?.config_epoch;
        let was_greatest = cluster.topology().node(&to.id).map(|node| node.config_epoch) == Some(before);
        ensure!(
            own > before || (was_greatest && own == before),
            format!("a config epoch of {} above {before}, the greatest before it took the slot", to.address),
            "{own}"
        );
        cluster.assign_slot(slot, from, to).await?;
    }
    Ok(())
}
