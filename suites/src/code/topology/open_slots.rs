//! Open slots in CLUSTER NODES: slots that are moving from one node to another.

use wire::{Direction, Node, OpenSlot, Role, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/open-slots")
        .title("A node's own line shows a migrating slot as [slot->-node] and an importing slot as [slot-<-node]")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-open-slot-syntax"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(open_slots(cluster))),
    check("topology/open-slots-on-replicas")
        .title("A replica shows the open slots of its primary on its own line")
        .may("CLUSTER NODES")
        .covers(&["topology.nodes-open-slot-replica"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .servers(&["valkey >=8.0"])
        .body(|cluster| Box::pin(open_slots_on_replicas(cluster))),
];

/// A slot that is open, and the lines that show it.
struct Open {
    from: Node,
    to: Node,
    at_from: OpenSlot,
    at_to: OpenSlot,
}

async fn open_slots(cluster: &Cluster) -> Outcome {
    let open = open_one(cluster).await?;
    for viewer in cluster.nodes() {
        let view = cluster.view_of(&viewer).await?;
        for node in &view.nodes {
            let allowed = open.on_line(&viewer, node);
            ensure!(
                allowed.contains(&node.open),
                format!(
                    "{} on the line of {} in CLUSTER NODES of {}",
                    words::open_slots(&allowed[0]),
                    node.address,
                    viewer.address
                ),
                "{}",
                words::open_slots(&node.open)
            );
        }
    }
    open.close(cluster).await
}

async fn open_slots_on_replicas(cluster: &Cluster) -> Outcome {
    let open = open_one(cluster).await?;
    let look = async || {
        for (primary, expected) in [(&open.from, open.at_from), (&open.to, open.at_to)] {
            for replica in cluster.replicas_of(primary) {
                let view = cluster.view_of(&replica).await?;
                let own = view.myself().map(|own| own.open.clone()).unwrap_or_default();
                ensure!(
                    own == [expected],
                    format!("{} on the own line of {}", words::open_slots(&[expected]), replica.address),
                    "{}",
                    words::open_slots(&own)
                );
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every replica shows the open slots of its primary", look).await?;
    open.close(cluster).await
}

async fn open_one(cluster: &Cluster) -> Outcome<Open> {
    let from = cluster.some_primary()?;
    let slot = cluster.slot_of(&from)?;
    let to = cluster.non_owner(slot)?;
    cluster.open_slot(slot, &from, &to).await?;
    let at_from = OpenSlot { slot, direction: Direction::Migrating, peer: to.id };
    let at_to = OpenSlot { slot, direction: Direction::Importing, peer: from.id };
    Ok(Open { from, to, at_from, at_to })
}

impl Open {
    /// The lists of open slots that the line of `node` may show in the view of `viewer`.
    fn on_line(&self, viewer: &Node, node: &Node) -> Vec<Vec<OpenSlot>> {
        let shard = viewer.primary.unwrap_or(viewer.id);
        let ends = [(self.from.id, self.at_from), (self.to.id, self.at_to)];
        let open = ends.iter().find(|(end, _)| *end == shard).map(|(_, open)| *open);
        let own = open.filter(|_| viewer.id == node.id);
        match (own, viewer.role) {
            (None, _) => vec![Vec::new()],
            (Some(open), Role::Primary) => vec![vec![open]],
            // Another check judges whether a replica shows the open slots of its primary.
            (Some(open), Role::Replica) => vec![Vec::new(), vec![open]],
        }
    }

    /// Closes the slot again, and requires that the two nodes show it no longer.
    async fn close(self, cluster: &Cluster) -> Outcome {
        for node in [&self.from, &self.to] {
            let stable = command!["CLUSTER", "SETSLOT", self.at_from.slot.to_string(), "STABLE"];
            cluster.expect(node, stable, Expect::Ok).await?;
            let view = cluster.view_of(node).await?;
            if let Some(left) = view.nodes.iter().find(|line| !line.open.is_empty()) {
                let expected = format!("no open slot in CLUSTER NODES of {} after SETSLOT STABLE", node.address);
                return Err(Stop::mismatch(expected, words::open_slots(&left.open)));
            }
        }
        Ok(())
    }
}
