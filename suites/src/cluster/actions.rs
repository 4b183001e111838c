//! Actions on nodes, and how long they take: a slow action can make a correct server look wrong.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use wire::{Address, Node};

use super::Cluster;
use crate::control::{ControlError, ControlFuture, NodeState};
use crate::outcome::{Outcome, Stop};

impl Cluster {
    /// Performs an action, and notes it in the transcript.
    pub(super) async fn perform(&self, node: &Node, what: &'static str, action: ControlFuture<'_>) -> Outcome {
        self.note(node, what);
        self.notes.changes.borrow_mut().note_fault(&node.address);
        // A server that is asked to end may finish its work first.
        let limit = if what == "stop" { self.limits().restart } else { self.limits().node_timeout };
        let _clock = Clock { started: Instant::now(), limit, what, node: &node.address, slow: &self.slow };
        action.await.map_err(stop)
    }

    /// Why a mismatch may be the fault of the target instead of the server, as a sentence.
    ///
    /// An action on a node may have taken so long that other nodes noticed it too early, or somebody may have started a
    /// node that had to be down.
    pub async fn target_fault(&self) -> Option<String> {
        if let Some(slow) = self.slow.borrow().first() {
            return Some(slow.clone());
        }
        for node in &self.topology().nodes {
            let is_down = matches!(self.live.control.state(&node.address), NodeState::Ended(_));
            if is_down && self.live.answers(&node.address).await {
                return Some(format!("{} had to be down, but somebody started it again", node.address));
            }
        }
        None
    }
}

pub(super) fn stop(error: ControlError) -> Stop {
    match error {
        ControlError::NotOffered(fault) => Stop::Skip(format!("this target cannot {fault}")),
        other => Stop::Broken(other.to_string()),
    }
}

/// Notes an action that took longer than its limit, when it ends or is given up.
struct Clock<'a> {
    started: Instant,
    limit: Duration,
    what: &'static str,
    node: &'a Address,
    slow: &'a RefCell<Vec<String>>,
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        if took > self.limit {
            let Self { what, node, limit, .. } = self;
            self.slow.borrow_mut().push(format!(
                "the target took {:.1} s to {what} {node}, but {:.1} s are allowed; use a longer --node-timeout",
                took.as_secs_f64(),
                limit.as_secs_f64()
            ));
        }
    }
}
