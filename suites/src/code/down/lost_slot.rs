//! A slot that a check takes from its owner, and what the node answers meanwhile.

use wire::{Command, Node, Slot, command};

use crate::cluster::Cluster;
use crate::code::failover::observe::state_is;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// A primary, a slot that it is about to lose, a slot that it keeps, and a slot of another primary.
pub(super) struct LostSlot {
    pub(super) node: Node,
    pub(super) lost: Slot,
    pub(super) kept: Slot,
    pub(super) foreign: Slot,
}

impl LostSlot {
    pub(super) fn draw(cluster: &Cluster) -> Outcome<Self> {
        let node = cluster.some_primary()?;
        let (lost, kept) = cluster.two_slots_of(&node)?;
        let other = cluster.non_owner(lost)?;
        Ok(Self { foreign: cluster.slot_of(&other)?, node, lost, kept })
    }

    /// Deletes the slot on its owner, and waits until the node reports this cluster state.
    pub(super) async fn lose(&self, cluster: &Cluster, state: &str) -> Outcome {
        let delete = command!["CLUSTER", "DELSLOTS", self.lost.to_string()];
        cluster.expect(&self.node, delete, Expect::Ok).await?;
        let nodes = std::slice::from_ref(&self.node);
        cluster
            .until(
                cluster.limits().converge,
                &format!("{} reports cluster_state:{state}", self.node.address),
                async || state_is(cluster, nodes, state).await,
            )
            .await
    }

    /// Adds the slot on its owner again, and waits until all nodes report cluster_state:ok.
    pub(super) async fn give_back(&self, cluster: &Cluster) -> Outcome {
        let add = command!["CLUSTER", "ADDSLOTS", self.lost.to_string()];
        cluster.expect(&self.node, add, Expect::Ok).await?;
        cluster
            .until(cluster.limits().converge, "all nodes report cluster_state:ok again", async || {
                state_is(cluster, &cluster.nodes(), "ok").await
            })
            .await
    }
}

/// Sets cluster-require-full-coverage on all nodes that have another value.
pub(super) async fn require_full_coverage(cluster: &Cluster, value: &str) -> Outcome {
    for node in cluster.nodes() {
        if cluster.config(&node, "cluster-require-full-coverage").await? != value {
            cluster.set_config(&node, "cluster-require-full-coverage", value).await?;
        }
    }
    Ok(())
}

/// Commands with keys of several kinds: reads, writes, several keys, keys after other arguments, and scripts.
fn keyed(cluster: &Cluster, slot: Slot) -> Vec<Command> {
    let (one, two) = (cluster.keys().named(slot, "down"), cluster.keys().named(slot, "down-2"));
    vec![
        command!["GET", &one],
        command!["SET", &one, "v"],
        command!["DEL", &one, &two],
        command!["MGET", &one, &two],
        command!["EXISTS", &one],
        command!["OBJECT", "ENCODING", &one],
        command!["ZUNIONSTORE", &one, "1", &two],
        command!["EVAL", "return redis.call('GET', KEYS[1])", "1", &one],
    ]
}

/// Requires CLUSTERDOWN in reply to commands with keys of a slot.
pub(super) async fn refuses_all(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome {
    for command in keyed(cluster, slot) {
        cluster.expect(node, command, Expect::error("CLUSTERDOWN")).await?;
    }
    Ok(())
}
