//! Lost connections, silence and the end of the run: which operations the worker gives up, and which it retries.

use std::sync::Arc;
use std::time::Duration;

use super::state::Worker;
use crate::operation::Operation;
use crate::outcome::Outcome;
use crate::plan::Retry;
use crate::recorder::Waiting;

impl Worker {
    /// Handles a socket that was lost or could not connect. Gives the wait before the engine connects it again.
    pub fn lost(&mut self, socket: usize, outcome: Outcome, now_ns: u64) -> Duration {
        self.turn_if_due(now_ns);
        let (node, operations) = self.fleet.take_down(socket);
        if operations.is_empty() {
            self.recorder.problem(usize::from(node), None, outcome);
        }
        for mut operation in operations {
            operation.problem = Some(outcome);
            self.recorder.problem(usize::from(node), Some(operation.slot), outcome);
            if let Some(checks) = &mut self.checks {
                checks.lost(&self.source.generator, &operation);
            }
            if self.plan.retry == Retry::All {
                operation.attempts = operation.attempts.saturating_add(1);
                self.send_later(node, operation, now_ns);
            } else {
                self.recorder.failed(usize::from(node), &operation, now_ns);
            }
        }
        self.wants_refresh = true;
        let entry = &mut self.fleet.sockets[socket];
        if entry.node != node {
            // It failed at its old node, so it need not wait before it connects to the new one.
            entry.failures = 0;
            return Duration::ZERO;
        }
        entry.failures = entry.failures.saturating_add(1);
        let failures = entry.failures;
        self.retries.backoff(failures, self.fleet.longest_reconnect())
    }

    /// Notes why a socket could not connect. The engine calls [`Worker::lost`] afterwards.
    pub fn explain(&mut self, outcome: Outcome, text: &str) {
        self.recorder.text(outcome, outcome.name(), text);
        self.trouble = Some(text.to_owned());
    }

    /// Handles a socket that was closed without anything in flight, to connect to another node.
    pub fn left(&mut self, socket: usize) {
        let (_, operations) = self.fleet.take_down(socket);
        debug_assert!(operations.is_empty(), "a socket leaves only with all its answers");
        self.fleet.sockets[socket].failures = 0;
    }

    /// Queues an operation for a retry, or counts it as failed if its time would be over by then.
    pub(super) fn send_later(&mut self, node: u16, operation: Operation, now_ns: u64) {
        let give_up_ns = operation.planned_ns.saturating_add(self.timeout_ns);
        if !self.retries.add(node, operation, now_ns, give_up_ns) {
            self.give_up(node, &operation, now_ns);
        }
    }

    /// Counts an operation as failed that rct will not send any more, and that is not in flight.
    pub(super) fn give_up(&mut self, node: u16, operation: &Operation, now_ns: u64) {
        if let Some(checks) = &mut self.checks {
            checks.gave_up(&self.source.generator, operation);
        }
        self.recorder.failed(usize::from(node), operation, now_ns);
    }

    /// Moves the operations whose wait is over to the queues of their nodes.
    pub(super) fn send_due_again(&mut self, now_ns: u64) {
        while let Some((node, operation)) = self.retries.take_due(now_ns) {
            let to = self.route(&operation, Some(node));
            self.fleet.enqueue_again(to, operation);
        }
    }

    /// Closes sockets that were silent for too long, gives up operations that waited too long in a queue, and notes
    /// which nodes are silent.
    pub(super) fn look_at_deadlines(&mut self, now_ns: u64) {
        let limit_ns = self.timeout_ns;
        let may_always_expire = self.source.is_open_loop() || self.source.draws_for_clients();
        self.recorder.look_for_silence(now_ns, |node| {
            let is_served = |operation: &Operation| {
                self.routes.may_serve(node as u16, operation.slot, self.source.is_read(operation))
            };
            self.fleet.is_awaited(node as u16, is_served)
        });
        for (node, mut operation) in self.fleet.give_up_silent(now_ns, limit_ns) {
            operation.problem = Some(Outcome::Timeout);
            self.recorder.problem(usize::from(node), Some(operation.slot), Outcome::Timeout);
            if let Some(checks) = &mut self.checks {
                checks.lost(&self.source.generator, &operation);
            }
            self.recorder.failed(usize::from(node), &operation, now_ns);
        }
        // A node that does not answer may have been replaced.
        self.wants_refresh |= self.fleet.leave_silent(now_ns);
        let is_late = |operation: &Operation| now_ns > operation.planned_ns.saturating_add(limit_ns);
        for (number, node) in self.fleet.nodes.iter_mut().enumerate() {
            // What closed loop draws ahead has no planned instant; it waits as long as its node has sockets.
            let may_expire = may_always_expire || node.ready == 0;
            while may_expire && node.queue.front().is_some_and(is_late) {
                if let Some(operation) = node.queue.pop_front().filter(|operation| self.source.is_due(operation)) {
                    if let Some(checks) = &mut self.checks {
                        checks.gave_up(&self.source.generator, &operation);
                    }
                    self.recorder.failed(number, &operation, now_ns);
                }
            }
        }
        if let Some(held) = self.source.held.take_if(|held| is_late(held)) {
            let node = self.route(&held, None);
            self.recorder.failed(usize::from(node), &held, now_ns);
            self.fleet.wake_all();
        }
    }

    /// Counts the operations of open loop that have not ended, and finds the oldest one.
    pub(super) fn waiting(&self) -> Waiting {
        let mut waiting = Waiting::default();
        if self.source.is_open_loop() {
            let mut by_node = vec![0; self.fleet.nodes.len()];
            self.fleet.add_waiting(&mut waiting, &mut by_node);
            self.retries.add_waiting(&mut waiting, &mut by_node);
            let nodes = self.fleet.nodes.iter().map(|node| Arc::clone(&node.address));
            waiting.nodes = nodes.zip(by_node).filter(|(_, count)| *count > 0).collect();
        }
        waiting
    }

    /// Moves the operations that wait for a node which does not serve their slots any more.
    pub(super) fn route_again(&mut self) {
        for node in 0..self.fleet.nodes.len() as u16 {
            let queue = std::mem::take(&mut self.fleet.nodes[usize::from(node)].queue);
            for operation in queue {
                let is_read = self.source.is_read(&operation);
                let is_to_stay = operation.asking || self.routes.may_serve(node, operation.slot, is_read);
                let to = if is_to_stay { node } else { self.route(&operation, Some(node)) };
                self.fleet.enqueue_again(to, operation);
            }
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

    /// Counts all operations as failed that are in flight or wait.
    pub(super) fn give_up_all(&mut self, now_ns: u64) {
        for socket in 0..self.fleet.sockets.len() {
            let (node, operations) = self.fleet.take_down(socket);
            for mut operation in operations {
                operation.problem = Some(Outcome::Timeout);
                self.recorder.problem(usize::from(node), Some(operation.slot), Outcome::Timeout);
                if let Some(checks) = &mut self.checks {
                    checks.lost(&self.source.generator, &operation);
                }
                self.recorder.failed(usize::from(node), &operation, now_ns);
            }
        }
        for (node, operation) in self.retries.take_all() {
            self.give_up(node, &operation, now_ns);
        }
        for (number, node) in self.fleet.nodes.iter_mut().enumerate() {
            for operation in node.queue.drain(..).filter(|operation| self.source.is_due(operation)) {
                if let Some(checks) = &mut self.checks {
                    checks.gave_up(&self.source.generator, &operation);
                }
                self.recorder.failed(number, &operation, now_ns);
            }
        }
    }
}
