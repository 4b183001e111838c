//! How the views show nodes that died.

use std::cell::RefCell;
use std::collections::BTreeSet;

use wire::{Node, NodeId, ShardNode, SlotRange, Topology, command};

use super::SHARDS_SINCE;
use crate::check::{CodeCheck, Level, Need, Shape};
use crate::cluster::Cluster;
use crate::control::Restart;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = &[
    CodeCheck {
        id: "topology/dead-replica-in-shards",
        title: "A dead replica stays in CLUSTER SHARDS, its health fail, while the others' stays online",
        level: Level::Must,
        spec: "CLUSTER SHARDS",
        statements: &["topology.shards-failed-node-kept", "topology.shards-health-values"],
        shape: Shape::new(3, 1),
        needs: &[Need::KillNode, Need::RestartNode, Need::Command("CLUSTER SHARDS")],
        servers: SHARDS_SINCE,
        source: (file!(), line!()),
        body: |cluster| Box::pin(dead_replica_in_shards(cluster)),
    },
    CodeCheck {
        id: "topology/dead-shard",
        title: "A dead shard's primary stays owner in SLOTS and SHARDS, its replica goes, and primaries report both",
        level: Level::Should,
        spec: "CLUSTER SLOTS",
        statements: &[
            "topology.slots-failed-replica-omitted",
            "topology.slots-dead-primary-listed",
            "topology.shards-dead-shard-slots",
            "topology.count-failure-reports-rises",
        ],
        shape: Shape::new(3, 1),
        needs: &[Need::KillNode, Need::RestartNode],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(dead_shard(cluster)),
    },
];

async fn dead_replica_in_shards(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let dead = cluster.replica_of(&primary)?;
    cluster.kill(&dead).await?;
    let look = async || {
        for viewer in survivors(cluster, &[&dead]) {
            for shard in cluster.shards_view(&viewer).await? {
                let listed = shard.nodes.iter().find(|node| node.id == dead.id);
                let is_own = shard.nodes.iter().any(|node| node.id == primary.id);
                ensure!(
                    listed.is_some() == is_own,
                    format!("{} with its shard alone in CLUSTER SHARDS of {}", dead.id, viewer.address),
                    "{:?}",
                    ids(&shard.nodes)
                );
                let wrong = shard.nodes.iter().find(|node| {
                    let allowed: &[&str] = if node.id == dead.id { &["fail", "failed"] } else { &["online"] };
                    !allowed.contains(&node.health.as_str())
                });
                ensure!(
                    wrong.is_none(),
                    format!("health fail for {} and online for all others on {}", dead.id, viewer.address),
                    "{:?}",
                    wrong.map(|node| (node.id, &node.health))
                );
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().failover, "every node shows the dead replica as failed", look).await?;
    cluster.restart(&dead, Restart::WithData).await
}

async fn dead_shard(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replicas = cluster.replicas_of(&primary);
    let dead: Vec<&Node> = replicas.iter().chain([&primary]).collect();
    // The replicas die first, so that none of them takes over.
    for node in &dead {
        cluster.kill(node).await?;
    }
    let reported: RefCell<BTreeSet<NodeId>> = RefCell::default();
    let look = async || {
        count_reports(cluster, &dead, &reported).await?;
        for viewer in survivors(cluster, &dead) {
            all_failed(&viewer, &dead, &cluster.view_of(&viewer).await?)?;
            slots_without_replicas(cluster, &viewer, &primary).await?;
            shards_with_slots(cluster, &viewer, &primary).await?;
        }
        let missing = dead.iter().find(|node| !reported.borrow().contains(&node.id));
        ensure!(
            missing.is_none(),
            "1 or more from CLUSTER COUNT-FAILURE-REPORTS of some primary for each dead node",
            "always 0 for {}",
            missing.map(|node| node.address.to_string()).unwrap_or_default()
        );
        Ok(())
    };
    cluster.until(cluster.limits().failover, "every node shows the shard as dead", look).await?;
    for node in dead.iter().rev() {
        cluster.restart(node, Restart::WithData).await?;
    }
    Ok(())
}

/// Notes which dead nodes are reported, and that none is reported by more than the other primaries that live.
async fn count_reports(cluster: &Cluster, dead: &[&Node], reported: &RefCell<BTreeSet<NodeId>>) -> Outcome {
    if !cluster.commands().await?.has("CLUSTER COUNT-FAILURE-REPORTS") {
        reported.borrow_mut().extend(dead.iter().map(|node| node.id));
        return Ok(());
    }
    let voters: Vec<Node> = cluster.primaries().into_iter().filter(|node| !is_among(node, dead)).collect();
    for voter in &voters {
        for node in dead {
            let count = command!["CLUSTER", "COUNT-FAILURE-REPORTS", node.id];
            let reply = cluster.expect(voter, count, Expect::Kind(Kind::Integer)).await?;
            let reports = reply.integer().unwrap_or_default();
            ensure!(
                (0..voters.len() as i64).contains(&reports),
                format!("reports of the other primaries alone on {}, fewer than {}", voter.address, voters.len()),
                "{reports} for {}",
                node.address
            );
            if reports > 0 {
                reported.borrow_mut().insert(node.id);
            }
        }
    }
    Ok(())
}

fn all_failed(viewer: &Node, dead: &[&Node], view: &Topology) -> Outcome {
    for node in dead {
        let flags = view.node(&node.id).map(|node| node.flags.join(",")).unwrap_or_default();
        let failed = view.node(&node.id).is_some_and(Node::is_failed);
        ensure!(failed, format!("{} flagged fail by {}", node.address, viewer.address), "{flags}");
    }
    Ok(())
}

async fn slots_without_replicas(cluster: &Cluster, viewer: &Node, primary: &Node) -> Outcome {
    let entries = cluster.slots_view(viewer).await?;
    let own: Vec<_> = entries.iter().filter(|entry| primary.slots.contains(&entry.range)).collect();
    let listed: Vec<Option<NodeId>> = own.iter().flat_map(|entry| &entry.nodes).map(|node| node.id).collect();
    ensure!(
        own.len() == primary.slots.len() && listed.iter().all(|id| *id == Some(primary.id)),
        format!("{} alone for {:?} in CLUSTER SLOTS of {}", primary.id, ranges(&primary.slots), viewer.address),
        "{listed:?} for {} ranges",
        own.len()
    );
    Ok(())
}

async fn shards_with_slots(cluster: &Cluster, viewer: &Node, primary: &Node) -> Outcome {
    let server = cluster.server();
    // Redis empties the list of slots of a shard whose primary failed, and so did Valkey before 8.0.
    if !cluster.has_shards().await? || server.is("redis") || server.is("valkey <8.0") {
        return Ok(());
    }
    let shards = cluster.shards_view(viewer).await?;
    let shard = shards.iter().find(|shard| shard.nodes.iter().any(|node| node.id == primary.id));
    let shard = shard.ok_or_else(|| {
        Stop::mismatch(format!("{} in CLUSTER SHARDS of {}", primary.id, viewer.address), "no such node")
    })?;
    ensure!(
        shard.slots == primary.slots,
        format!("{:?} for the dead shard in CLUSTER SHARDS of {}", ranges(&primary.slots), viewer.address),
        "{:?}",
        ranges(&shard.slots)
    );
    Ok(())
}

fn survivors(cluster: &Cluster, dead: &[&Node]) -> Vec<Node> {
    cluster.nodes().into_iter().filter(|node| !is_among(node, dead)).collect()
}

fn is_among(node: &Node, nodes: &[&Node]) -> bool {
    nodes.iter().any(|other| other.id == node.id)
}

fn ranges(slots: &[SlotRange]) -> Vec<String> {
    slots.iter().map(SlotRange::to_string).collect()
}

fn ids(nodes: &[ShardNode]) -> Vec<NodeId> {
    nodes.iter().map(|node| node.id).collect()
}
