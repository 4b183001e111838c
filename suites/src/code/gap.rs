//! A slot that its owner gives up for the time of a check.

use wire::{Node, Slot, command};

use super::state::wait_for_state;
use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// A primary, the slot that it has given up, and a slot that it keeps. Other nodes do not notice.
pub(super) struct Gap {
    pub(super) node: Node,
    pub(super) lost: Slot,
    pub(super) kept: Slot,
}

impl Gap {
    /// Draws a primary and deletes one of its slots, so that it reports the cluster as down.
    ///
    /// # Errors
    /// Skip, if the primary has only one slot; a mismatch, if it does not report that in time.
    pub(super) async fn with_cluster_down(cluster: &Cluster) -> Outcome<Self> {
        Self::open(cluster, "yes", "fail").await
    }

    /// Draws a primary and deletes one of its slots, but the primary goes on to serve its other slots.
    ///
    /// # Errors
    /// As [`Gap::with_cluster_down`].
    pub(super) async fn with_cluster_up(cluster: &Cluster) -> Outcome<Self> {
        Self::open(cluster, "no", "ok").await
    }

    async fn open(cluster: &Cluster, coverage: &str, state: &str) -> Outcome<Self> {
        let node = cluster.some_primary()?;
        let (lost, kept) = cluster.two_slots_of(&node)?;
        cluster.set_config(&node, "cluster-require-full-coverage", coverage).await?;
        cluster.expect(&node, command!["CLUSTER", "DELSLOTS", lost.to_string()], Expect::Ok).await?;
        wait_for_state(cluster, &node, state).await?;
        Ok(Self { node, lost, kept })
    }

    /// Gives the slot back to its owner.
    ///
    /// # Errors
    /// A mismatch, if the owner does not report the cluster as ok in time.
    pub(super) async fn close(self, cluster: &Cluster) -> Outcome {
        cluster.expect(&self.node, command!["CLUSTER", "ADDSLOTS", self.lost.to_string()], Expect::Ok).await?;
        wait_for_state(cluster, &self.node, "ok").await
    }
}
