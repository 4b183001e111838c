//! Acts on nodes, and how long they take, since a slow one makes a right server look wrong.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use wire::{Address, Node};

use super::Cluster;
use crate::control::{ControlError, ControlFuture, NodeState};
use crate::outcome::{Outcome, Stop};

impl Cluster {
    /// Has an act done.
    pub(super) async fn act(&self, node: &Node, what: &'static str, act: ControlFuture<'_>) -> Outcome {
        self.note(node, what);
        // A server that is asked to end may first finish its work.
        let limit = if what == "stop" { self.limits().restart } else { self.limits().node_timeout };
        let _clock = Clock { started: Instant::now(), limit, what, node: &node.address, slow: &self.slow };
        act.await.map_err(stop)
    }

    /// Why a mismatch may be the target's doing instead of the server's: an act on a node took so long that others
    /// noticed before it was over, or a node that was to be down is up.
    pub async fn doubt(&self) -> Option<String> {
        if let Some(slow) = self.slow.borrow().first() {
            return Some(slow.clone());
        }
        for node in &self.topology().nodes {
            let is_down = matches!(self.live.control.state(&node.address), NodeState::Ended(_));
            if is_down && self.live.answers(&node.address).await {
                return Some(format!("{} was to be down, but somebody has started it again", node.address));
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

/// Notes an act that took longer than its limit when it is over, or given up.
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
                "the target took {:.1} s to {what} {node}, more than the {:.1} s in which that has to be done; \
                 --node-timeout gives it longer",
                took.as_secs_f64(),
                limit.as_secs_f64()
            ));
        }
    }
}
