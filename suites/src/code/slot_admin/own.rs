//! What a node says of itself in CLUSTER NODES, SLOTS and INFO.

use wire::{Node, NodeId, Slot, SlotRange, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, list, open_slots, or};

/// A node's line in its own CLUSTER NODES.
pub(super) async fn own_line(cluster: &Cluster, node: &Node) -> Outcome<Node> {
    let view = cluster.view_of(node).await?;
    let own = view.myself().cloned();
    own.ok_or_else(|| Stop::mismatch(format!("a line of {} in its own CLUSTER NODES", node.address), line(None)))
}

/// All that a node says in CLUSTER NODES, without what changes by itself.
pub(super) async fn own_state(cluster: &Cluster, node: &Node) -> Outcome<String> {
    let mut lines: Vec<String> = cluster.view_of(node).await?.nodes.iter().map(state_of).collect();
    lines.sort();
    Ok(lines.join("; "))
}

fn state_of(node: &Node) -> String {
    let Node { id, role, primary, config_epoch, slots, open, .. } = node;
    let (primary, slots, open) = (or(*primary, "-"), list(slots), open_slots(open));
    format!("{id}: {role}, primary {primary}, config epoch {config_epoch}, slots {slots}, {open}")
}

/// The ranges between these numbers, both ends included.
pub(super) fn ranges(bounds: &[(u16, u16)]) -> Vec<SlotRange> {
    let range = |(start, end): &(u16, u16)| SlotRange::new(Slot::new(*start)?, Slot::new(*end)?);
    bounds.iter().filter_map(range).collect()
}

/// Requires that a node owns exactly these slots, according to its CLUSTER NODES, SLOTS and INFO.
///
/// The node must be alone: CLUSTER INFO counts the slots of all nodes.
pub(super) async fn owns(cluster: &Cluster, node: &Node, expected: &[SlotRange]) -> Outcome {
    let found = own_line(cluster, node).await?.slots;
    let of = |what: &str| format!("the slots {} in {what} of {}", list(expected), node.address);
    ensure!(found == expected, of("CLUSTER NODES"), "{}", list(&found));
    let mut shown: Vec<SlotRange> = cluster.slots_view(node).await?.iter().map(|entry| entry.range).collect();
    shown.sort();
    ensure!(shown == expected, of("CLUSTER SLOTS"), "{}", list(&shown));
    let count = expected.iter().flat_map(SlotRange::slots).count().to_string();
    let info = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
    let assigned = or(info.get("cluster_slots_assigned"), "missing");
    ensure!(
        assigned == count,
        format!("cluster_slots_assigned:{count} in CLUSTER INFO of {}", node.address),
        "cluster_slots_assigned:{assigned}"
    );
    Ok(())
}

/// The ids of all nodes that a node knows, in order. A node in handshake has only a temporary id.
pub(super) async fn known(cluster: &Cluster, node: &Node) -> Outcome<Vec<NodeId>> {
    let view = cluster.view_of(node).await?;
    let mut ids: Vec<NodeId> =
        view.nodes.iter().filter(|node| !node.has_flag("handshake")).map(|node| node.id).collect();
    ids.sort();
    Ok(ids)
}
