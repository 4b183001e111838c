//! How topology commands show dead nodes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wire::{Node, NodeId, Role, ShardNode, Topology, command};

use super::shards::SHARDS_SINCE;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, or, seconds};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/dead-replica-in-shards")
        .title("A dead replica stays in CLUSTER SHARDS with the health fail, while the others stay online")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-failed-node-kept", "topology.shards-health-values"])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::RestartNode])
        .commands(&["CLUSTER SHARDS"])
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(dead_replica_in_shards(cluster))),
    check("topology/dead-shard")
        .title("A dead primary keeps its slots in SLOTS and SHARDS, its replica leaves SLOTS, and both are reported")
        .should("CLUSTER SLOTS")
        .covers(&[
            "topology.slots-failed-replica-omitted",
            "topology.slots-dead-primary-listed",
            "topology.shards-dead-shard-slots",
            "topology.count-failure-reports-rises",
        ])
        .shape(3, 1)
        .needs(&[Need::KillNode, Need::RestartNode])
        .body(|cluster| Box::pin(dead_shard(cluster))),
];

async fn dead_replica_in_shards(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let dead = cluster.replica_of(&primary)?;
    cluster
        .until(cluster.limits().converge, "every node shows the replica in the shard of its primary", || {
            in_shard_of(cluster, &dead, &primary)
        })
        .await?;
    cluster.kill(&dead).await?;
    let look = async || {
        for viewer in survivors(cluster, &[&dead]) {
            for shard in cluster.shards_view(&viewer).await? {
                let listed = shard.nodes.iter().find(|node| node.id == dead.id);
                let is_own = shard.nodes.iter().any(|node| node.id == primary.id);
                ensure!(
                    listed.is_some() == is_own,
                    format!("{} only in the shard of {} in CLUSTER SHARDS of {}", dead.id, primary.id, viewer.address),
                    "a shard of {}",
                    list(ids(&shard.nodes))
                );
                for node in &shard.nodes {
                    let allowed: &[&str] = if node.id == dead.id { &["fail", "failed"] } else { &["online"] };
                    ensure!(
                        allowed.contains(&node.health.as_str()),
                        format!("the health {} of {} in CLUSTER SHARDS of {}", allowed[0], node.id, viewer.address),
                        "the health {}",
                        node.health
                    );
                }
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().failover, "every node shows the dead replica as failed", look).await?;
    cluster.restart(&dead, Restart::WithData).await
}

/// Requires that every node shows a replica in the shard of its primary.
///
/// A node that dies before the others know its shard stays outside of all shards for them.
async fn in_shard_of(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    for viewer in cluster.nodes() {
        let shards = cluster.shards_view(&viewer).await?;
        let both = |nodes: &[ShardNode]| [replica, primary].iter().all(|own| ids(nodes).contains(&own.id));
        let shown = shards.iter().any(|shard| both(&shard.nodes));
        ensure!(
            shown,
            format!("{} and {} in one shard in CLUSTER SHARDS of {}", replica.id, primary.id, viewer.address),
            "no such shard"
        );
    }
    Ok(())
}

async fn dead_shard(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replicas = cluster.replicas_of(&primary);
    let dead: Vec<&Node> = replicas.iter().chain([&primary]).collect();
    let counts_reports = cluster.may_have("CLUSTER COUNT-FAILURE-REPORTS").await?;
    // The replicas die first, so that none of them takes over.
    for node in &dead {
        cluster.kill(node).await?;
    }
    let reports: RefCell<Reports> = RefCell::default();
    let look = async || {
        if counts_reports {
            let counted = count_reports(cluster, &dead).await?;
            reports.borrow_mut().add(counted);
        }
        for viewer in survivors(cluster, &dead) {
            all_failed(&viewer, &dead, &cluster.view_of(&viewer).await?)?;
            slots_without_replicas(cluster, &viewer, &primary).await?;
            shards_with_slots(cluster, &viewer, &primary).await?;
        }
        Ok(())
    };
    cluster.until(cluster.limits().failover, "every node shows the shard as dead", look).await?;
    if counts_reports {
        // Reports outlive the failure that they cause, which may have happened after the last count.
        let counted = count_reports(cluster, &dead).await?;
        reports.borrow_mut().add(counted);
        reports.take().judge(cluster, &dead)?;
    }
    for node in dead.iter().rev() {
        cluster.restart(node, Restart::WithData).await?;
    }
    Ok(())
}

/// The dead nodes of which reports were seen.
#[derive(Default)]
struct Reports {
    reported: BTreeSet<NodeId>,
    looked: Option<Instant>,
    longest_gap: Duration,
}

impl Reports {
    fn add(&mut self, reported: BTreeSet<NodeId>) {
        let now = Instant::now();
        let gap = self.looked.replace(now).map_or(Duration::ZERO, |before| now - before);
        self.longest_gap = self.longest_gap.max(gap);
        self.reported.extend(reported);
    }

    /// Requires that reports of every dead node were seen.
    ///
    /// A node is marked as failed because of reports, which are kept for two node timeouts, so rct must see them if it
    /// looks often enough. Any node may have been the first to mark it, so rct asks all of them.
    fn judge(&self, cluster: &Cluster, dead: &[&Node]) -> Outcome {
        let Some(missing) = dead.iter().find(|node| !self.reported.contains(&node.id)) else { return Ok(()) };
        if self.longest_gap > cluster.limits().node_timeout {
            return Err(Stop::skip(format!(
                "this machine is too busy: the reports may have expired in the {} between two looks",
                seconds(self.longest_gap)
            )));
        }
        Err(Stop::mismatch(
            format!("a count of 1 or more in CLUSTER COUNT-FAILURE-REPORTS of {} on one of the nodes", missing.address),
            "a count of 0 on every node at all times",
        ))
    }
}

/// The dead nodes of which a node has reports; requires that no node has more reports than there are other primaries.
async fn count_reports(cluster: &Cluster, dead: &[&Node]) -> Outcome<BTreeSet<NodeId>> {
    let mut reported = BTreeSet::new();
    let voters = survivors(cluster, dead).iter().filter(|node| node.role == Role::Primary).count();
    for asked in survivors(cluster, dead) {
        let others = if asked.role == Role::Primary { voters - 1 } else { voters };
        for node in dead {
            let count = command!["CLUSTER", "COUNT-FAILURE-REPORTS", node.id];
            let reply = cluster.expect(&asked, count, Expect::Kind(Kind::Integer)).await?;
            let reports = reply.integer().unwrap_or_default();
            ensure!(
                (0..=others as i64).contains(&reports),
                format!(
                    "at most {others} failure reports of {} on {}, one of each other primary",
                    node.address, asked.address
                ),
                "{reports} reports"
            );
            if reports > 0 {
                reported.insert(node.id);
            }
        }
    }
    Ok(reported)
}

fn all_failed(viewer: &Node, dead: &[&Node], view: &Topology) -> Outcome {
    for node in dead {
        let flags = view.node(&node.id).map(|node| node.flags.join(","));
        let failed = view.node(&node.id).is_some_and(Node::is_failed);
        ensure!(
            failed,
            format!("the flag fail for {} in CLUSTER NODES of {}", node.address, viewer.address),
            "the flags {}",
            or(flags, "of no such node")
        );
    }
    Ok(())
}

async fn slots_without_replicas(cluster: &Cluster, viewer: &Node, primary: &Node) -> Outcome {
    let entries = cluster.slots_view(viewer).await?;
    let own: Vec<_> = entries.iter().filter(|entry| primary.slots.contains(&entry.range)).collect();
    let listed: Vec<Option<NodeId>> = own.iter().flat_map(|entry| &entry.nodes).map(|node| node.id).collect();
    ensure!(
        own.len() == primary.slots.len() && listed.iter().all(|id| *id == Some(primary.id)),
        format!("only {} for the slots {} in CLUSTER SLOTS of {}", primary.id, list(&primary.slots), viewer.address),
        "{} for {} of {} ranges",
        list(listed.iter().map(|id| or(*id, "a node without id"))),
        own.len(),
        primary.slots.len()
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
        format!("the slots {} of the dead shard in CLUSTER SHARDS of {}", list(&primary.slots), viewer.address),
        "the slots {}",
        list(&shard.slots)
    );
    Ok(())
}

fn survivors(cluster: &Cluster, dead: &[&Node]) -> Vec<Node> {
    cluster.nodes().into_iter().filter(|node| !is_among(node, dead)).collect()
}

fn is_among(node: &Node, nodes: &[&Node]) -> bool {
    nodes.iter().any(|other| other.id == node.id)
}

fn ids(nodes: &[ShardNode]) -> Vec<NodeId> {
    nodes.iter().map(|node| node.id).collect()
}
