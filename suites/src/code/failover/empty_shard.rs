//! A failover of a primary without slots that imports its first one.

use wire::{Direction, Node, OpenSlot, Slot};

use super::observe::flagged;
use super::participants::{add_empty_primary, attach};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, open_slots};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/empty-shard")
    .title("A replica takes over from a primary that imports its first slot, and both ends of the slot know the new primary")
    .may("CLUSTER SETSLOT")
    .covers(&["failover.empty-shard"])
    .shape(3, 0)
    .needs(&[Need::FreshNode, Need::KillNode, Need::MoveSlot])
    .servers(&["valkey >=8.0"])
    .body(|cluster| Box::pin(empty_shard(cluster)))];

async fn empty_shard(cluster: &Cluster) -> Outcome {
    let source = cluster.some_primary()?;
    let slot = cluster.slot_of(&source)?;
    let primary = add_empty_primary(cluster).await?;
    let replica = add_empty_primary(cluster).await?;
    attach(cluster, &replica, &primary).await?;
    cluster.open_slot(slot, &source, &primary).await?;
    cluster.replicated(&primary).await?;
    cluster.kill(&primary).await?;
    let survivors: Vec<Node> = cluster.nodes().into_iter().filter(|node| node.id != primary.id).collect();
    flagged(cluster, &survivors, &primary, "fail").await?;
    cluster
        .until(cluster.limits().failover, "the replica takes over the import of the slot", async || {
            let importing = OpenSlot { slot, direction: Direction::Importing, peer: source.id };
            let own = shows(cluster, &replica, slot, importing).await?;
            ensure!(own.has_flag("master"), format!("{} as a primary", replica.address), "{}", line(Some(&own)));
            let migrating = OpenSlot { slot, direction: Direction::Migrating, peer: replica.id };
            shows(cluster, &source, slot, migrating).await.map(drop)
        })
        .await
}

/// Requires that a node shows a slot as open in this way, and returns its own line.
async fn shows(cluster: &Cluster, node: &Node, slot: Slot, wanted: OpenSlot) -> Outcome<Node> {
    let view = cluster.view_of(node).await?;
    let own = view.myself().cloned();
    let own = own.ok_or_else(|| Stop::mismatch(format!("a line of {} in its own view", node.address), line(None)))?;
    let found: Vec<OpenSlot> = own.open.iter().filter(|open| open.slot == slot).copied().collect();
    ensure!(
        found == [wanted],
        format!("{} on the own line of {}", open_slots(&[wanted]), node.address),
        "{}",
        open_slots(&found)
    );
    Ok(own)
}
