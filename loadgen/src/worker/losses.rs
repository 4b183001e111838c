//! Lost connections, silence and the end: which operations are given up, and which are sent again.

use std::time::Duration;

use super::state::Worker;
use crate::operation::Operation;
use crate::outcome::Outcome;
use crate::plan::Retry;

impl Worker {
    /// A socket was lost or could not be connected. Gives the wait before the engine connects it again.
    pub fn lost(&mut self, socket: usize, outcome: Outcome, now_ns: u64) -> Duration {
        self.turn_if_due(now_ns);
        let (node, operations) = self.fleet.take_down(socket);
        if operations.is_empty() {
            self.recorder.trouble(usize::from(node), None, outcome);
        }
        for mut operation in operations {
            self.recorder.trouble(usize::from(node), Some(operation.slot), outcome);
            if self.plan.retry == Retry::All {
                operation.attempts = operation.attempts.saturating_add(1);
                self.send_later(node, operation, now_ns);
            } else {
                self.recorder.failed(usize::from(node), &operation, now_ns);
            }
        }
        self.wants_refresh = true;
        let entry = &mut self.fleet.sockets[socket];
        entry.failures = entry.failures.saturating_add(1);
        self.retries.backoff(entry.failures)
    }

    /// A socket without anything in flight was closed, to connect to another node.
    pub fn left(&mut self, socket: usize) {
        let (_, operations) = self.fleet.take_down(socket);
        debug_assert!(operations.is_empty(), "a socket leaves only with all its answers");
        self.fleet.sockets[socket].failures = 0;
    }

    /// Queues an operation to be sent again, or counts it as failed if its time would be over.
    pub(super) fn send_later(&mut self, node: u16, operation: Operation, now_ns: u64) {
        let give_up_ns = operation.planned_ns.saturating_add(self.timeout_ns);
        if !self.retries.add(node, operation, now_ns, give_up_ns) {
            self.recorder.failed(usize::from(node), &operation, now_ns);
        }
    }

    /// Queues the operations for their nodes whose wait to be sent again is over.
    pub(super) fn send_due_again(&mut self, now_ns: u64) {
        while let Some((node, operation)) = self.retries.take_due(now_ns) {
            let to = self.route(&operation, Some(node));
            self.fleet.enqueue_first(to, operation);
        }
    }

    /// Closes sockets that were silent for too long, and gives up what waited too long for nodes without sockets.
    pub(super) fn look_at_deadlines(&mut self, now_ns: u64) {
        let limit_ns = self.timeout_ns;
        self.fleet.doom_silent(now_ns, limit_ns);
        let is_late = |operation: &Operation| now_ns > operation.planned_ns.saturating_add(limit_ns);
        for (number, node) in self.fleet.nodes.iter_mut().enumerate().filter(|(_, node)| node.ready == 0) {
            while node.queue.front().is_some_and(is_late) {
                if let Some(operation) = node.queue.pop_front() {
                    self.recorder.expired(number, &operation, now_ns);
                }
            }
        }
        if let Some(held) = self.source.held.take_if(|held| is_late(held)) {
            let node = self.route(&held, None);
            self.recorder.expired(usize::from(node), &held, now_ns);
            self.fleet.wake_all();
        }
    }

    /// Whether an operation is in flight or waits to be sent.
    pub(super) fn is_outstanding(&self) -> bool {
        let waits = |operation: &Operation| self.source.is_due(operation);
        !self.retries.is_empty()
            || self.source.held.is_some()
            || self.fleet.nodes.iter().any(|node| node.queue.iter().any(waits))
            || self.fleet.has_in_flight()
    }

    /// Counts all that is in flight as unanswered, and all that waits as failed or not sent.
    pub(super) fn give_up_all(&mut self, now_ns: u64) {
        for socket in 0..self.fleet.sockets.len() {
            let (node, operations) = self.fleet.take_down(socket);
            for operation in operations {
                self.recorder.trouble(usize::from(node), Some(operation.slot), Outcome::Timeout);
                self.recorder.failed(usize::from(node), &operation, now_ns);
            }
        }
        for (node, operation) in self.retries.take_all() {
            self.recorder.failed(usize::from(node), &operation, now_ns);
        }
        for (number, node) in self.fleet.nodes.iter_mut().enumerate() {
            for operation in node.queue.drain(..).filter(|operation| self.source.is_due(operation)) {
                self.recorder.expired(number, &operation, now_ns);
            }
        }
    }
}
