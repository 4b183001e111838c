//! What happens to a cluster while a check runs on it, besides what the check does: crashes, nodes that vanish, and
//! changes by somebody else.

use std::rc::Rc;
use std::time::Instant;

use suites::{Cluster, Crash, LiveCluster, Mismatch, NodeState, Outcome, OwnChanges, Snapshot, Stop};

/// What happened to a cluster while a check ran on it.
#[derive(Debug, Clone)]
pub enum Upset {
    /// A server that rct started crashed.
    Crashed(Crash),
    /// A node of somebody else's cluster ended or started again.
    Vanished(String),
    /// Somebody else changed the slots, roles or epochs; the text says what changed.
    Changed(String),
}

/// A cluster before a check, to be compared with the cluster after it.
pub struct Watch {
    live: Rc<LiveCluster>,
    started: Instant,
    /// Taken only of a cluster that belongs to somebody else: nobody changes the clusters of rct.
    before: Option<Rc<Snapshot>>,
}

impl Watch {
    /// Looks at a cluster before a check. On a cluster of somebody else, rct takes over the slots, roles and open slots
    /// that have changed since the last check.
    ///
    /// Checks that do not disturb the cluster run beside each other, and share a look at it.
    pub async fn begin(live: &Rc<LiveCluster>, disturbs: bool) -> Self {
        let mut watch = Self { live: Rc::clone(live), started: Instant::now(), before: None };
        if live.findings.is_external {
            let before = if disturbs { live.snapshot().await } else { live.recent_snapshot().await };
            live.set_open_slots(before.open_slots().collect());
            if !before.agrees_with(&live.topology())
                && let Ok(view) = live.agreed_view().await
            {
                live.set_topology(view);
            }
            watch.before = Some(before);
        }
        watch.started = Instant::now();
        watch
    }

    /// What happened since then; looks closer if the check did not pass.
    pub async fn upset(&self, cluster: &Cluster, outcome: &Outcome) -> Option<Upset> {
        let has_failed = matches!(outcome, Err(Stop::Mismatch(_) | Stop::Broken(_)));
        if let Some(crash) = self.live.control.crashes(has_failed).into_iter().next() {
            return Some(Upset::Crashed(crash));
        }
        let own = cluster.own_changes();
        own.faults.iter().for_each(|node| self.live.forget_process(node));
        let (true, Some(before)) = (has_failed, &self.before) else { return None };
        if let Some(what) = self.vanished(&own).await {
            return Some(Upset::Vanished(what));
        }
        let now = self.live.snapshot().await;
        before.change(&now, &own).map(Upset::Changed)
    }

    /// Which node no longer answers, or has started again since the check began, without the check.
    async fn vanished(&self, own: &OwnChanges) -> Option<String> {
        let took = self.started.elapsed();
        for node in &self.live.topology().nodes {
            let address = &node.address;
            let is_seen = matches!(self.live.control.state(address), NodeState::Running | NodeState::Unknown);
            if !is_seen || own.faults.contains(address) {
                continue;
            }
            if !self.live.answers(address).await {
                return Some(format!("the node {address} no longer answers"));
            }
            if self.live.started_again(node, took).await {
                return Some(format!("the node {address} started again"));
            }
        }
        None
    }
}

/// The evidence that a check brings a node of somebody else's cluster down.
pub fn brings_down(what: &str) -> Mismatch {
    Mismatch {
        expected: "a server that runs until somebody ends it".to_owned(),
        received: format!("the server crashed: {what} while the check ran, twice"),
        note: Some("no other check of rct ran at the same time".to_owned()),
        ..Mismatch::default()
    }
}
