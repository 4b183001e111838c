//! Snapshots of a running cluster, new ones and those of a moment ago.

use std::rc::Rc;
use std::time::Instant;

use super::LiveCluster;
use crate::snapshot::Snapshot;

impl LiveCluster {
    /// What every node that answers says of itself now.
    pub async fn snapshot(&self) -> Rc<Snapshot> {
        let began = Instant::now();
        let snapshot = Rc::new(Snapshot::of(self.own_lines().await));
        self.recent.keep(Rc::clone(&snapshot), began);
        snapshot
    }

    /// What every node that answers said of itself a moment ago, at the earliest after the last [`LiveCluster::snapshot`]
    /// began.
    pub async fn recent_snapshot(&self) -> Rc<Snapshot> {
        let _turn = self.recent.turn().await;
        match self.recent.get() {
            Some(snapshot) => snapshot,
            None => self.snapshot().await,
        }
    }
}
