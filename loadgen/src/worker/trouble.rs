//! What goes wrong: redirects, refusals, lost connections, silence; and what is sent again, when.

use std::cmp::Reverse;
use std::time::Duration;

use rand::RngExt;
use wire::{ErrorReply, Redirect};

use super::flow::first_word;
use super::nodes::Phase;
use super::state::{Worker, nanoseconds};
use crate::operation::{Operation, SETUP};
use crate::outcome::Outcome;
use crate::plan::Retry;

/// Redirects that are followed at once; after as many an operation waits before the next.
const HOPS: u16 = 5;
/// The first wait before an operation is sent again; it doubles each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
/// The longest wait before an operation is sent again, or a connection opened.
const BACKOFF_MOST: Duration = Duration::from_millis(500);
/// The most operations that wait to be sent again; further ones fail.
const LATER_MAX: usize = 1 << 18;

/// An operation to be sent again, the soonest first in a heap.
#[derive(PartialEq, Eq)]
pub(super) struct Later {
    due_ns: u64,
    operation: Operation,
    /// The node that last had it, for the records.
    node: u16,
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        Reverse(self.due_ns).cmp(&Reverse(other.due_ns))
    }
}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Worker {
    /// A socket was lost or could not be connected. Gives the wait before it is to be connected again.
    pub fn lost(&mut self, socket: usize, outcome: Outcome, now_ns: u64) -> Duration {
        self.turn_if_due(now_ns);
        let (node, operations) = self.take_down(socket);
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
        let entry = &mut self.sockets[socket];
        entry.failures = entry.failures.saturating_add(1);
        let failures = entry.failures;
        self.backoff(failures)
    }

    /// A socket without anything in flight was closed, to go to another node.
    pub fn left(&mut self, socket: usize) {
        let (_, operations) = self.take_down(socket);
        debug_assert!(operations.is_empty(), "a socket leaves only with all its answers");
        self.sockets[socket].failures = 0;
    }

    /// A server answered with an error.
    pub(super) fn refused(&mut self, node: u16, mut operation: Operation, line: &str, now_ns: u64) {
        let code = first_word(line);
        let outcome = Outcome::of_code(code);
        self.recorder.trouble(usize::from(node), Some(operation.slot), outcome);
        operation.asking = false;
        operation.attempts = operation.attempts.saturating_add(1);
        let may_retry = self.plan.retry != Retry::None;
        match outcome {
            Outcome::Moved | Outcome::Ask => {
                let to = self.redirected_to(node, line);
                match to.filter(|_| may_retry) {
                    Some(to) => self.follow(outcome, node, to, operation, now_ns),
                    None => self.recorder.failed(usize::from(node), &operation, now_ns),
                }
            }
            Outcome::TryAgain | Outcome::ClusterDown | Outcome::Loading if may_retry => {
                self.wants_refresh = true;
                self.send_later(node, operation, now_ns);
            }
            // A primary that became a replica, and a replica that lost its primary: the layout has changed.
            Outcome::Error if may_retry && matches!(code, "READONLY" | "MASTERDOWN") => {
                self.recorder.code(code);
                self.wants_refresh = true;
                self.send_later(node, operation, now_ns);
            }
            _ => {
                self.recorder.code(code);
                self.recorder.failed(usize::from(node), &operation, now_ns);
            }
        }
    }

    /// Sends again what is due.
    pub(super) fn send_due_again(&mut self, now_ns: u64) {
        while self.later.peek().is_some_and(|later| later.due_ns <= now_ns) {
            let Some(Later { operation, node, .. }) = self.later.pop() else { return };
            let to = self.route(&operation, Some(node));
            self.nodes[usize::from(to)].queue.push_front(operation);
            self.wake(to);
        }
    }

    /// Closes sockets that have been silent for too long, and drops what waits too long for nodes without sockets.
    pub(super) fn look_at_deadlines(&mut self, now_ns: u64) {
        let limit_ns = self.timeout_ns;
        for number in 0..self.sockets.len() {
            let entry = &mut self.sockets[number];
            let head = entry.connection.in_flight().front();
            if head.is_some_and(|head| now_ns > head.sent_ns.saturating_add(limit_ns)) && entry.doomed.is_none() {
                entry.doomed = Some(Outcome::Timeout);
                self.flag(number);
            }
        }
        for node in 0..self.nodes.len() {
            let is_late = |operation: &Operation| now_ns > operation.planned_ns.saturating_add(limit_ns);
            while self.nodes[node].ready == 0 && self.nodes[node].queue.front().is_some_and(is_late) {
                if let Some(operation) = self.nodes[node].queue.pop_front() {
                    self.expire(node as u16, operation, now_ns);
                }
            }
        }
        if let Some(held) = self.held.take_if(|held| now_ns > held.planned_ns.saturating_add(limit_ns)) {
            let node = self.route(&held, None);
            self.expire(node, held, now_ns);
            self.to_fill.extend(0..self.sockets.len());
        }
    }

    /// Whether anything is in flight or waits to be sent.
    pub(super) fn is_outstanding(&self) -> bool {
        let waits = |operation: &Operation| operation.attempts > 0 || self.schedule.is_some() || self.is_sequential();
        !self.later.is_empty()
            || self.held.is_some()
            || self.nodes.iter().any(|node| node.queue.iter().any(waits))
            || self
                .sockets
                .iter()
                .any(|socket| socket.connection.in_flight().iter().any(|operation| operation.template != SETUP))
    }

    /// Counts all that is outstanding as unanswered or not sent.
    pub(super) fn give_up_all(&mut self, now_ns: u64) {
        for socket in 0..self.sockets.len() {
            let (node, operations) = self.take_down(socket);
            for operation in operations {
                self.recorder.trouble(usize::from(node), Some(operation.slot), Outcome::Timeout);
                self.recorder.failed(usize::from(node), &operation, now_ns);
            }
        }
        for Later { operation, node, .. } in std::mem::take(&mut self.later) {
            self.recorder.failed(usize::from(node), &operation, now_ns);
        }
        for node in 0..self.nodes.len() {
            for operation in std::mem::take(&mut self.nodes[node].queue) {
                if operation.attempts > 0 || self.schedule.is_some() || self.is_sequential() {
                    self.expire(node as u16, operation, now_ns);
                }
            }
        }
    }

    /// An operation waited for too long: it failed, or was never sent.
    pub(super) fn expire(&mut self, node: u16, operation: Operation, now_ns: u64) {
        match operation.attempts {
            0 => self.recorder.not_sent(usize::from(node), &operation),
            _ => self.recorder.failed(usize::from(node), &operation, now_ns),
        }
    }

    fn follow(&mut self, outcome: Outcome, from: u16, to: u16, mut operation: Operation, now_ns: u64) {
        if outcome == Outcome::Moved {
            self.routes.set_owner(operation.slot, to);
            self.wants_refresh = true;
        }
        if operation.attempts.is_multiple_of(HOPS) {
            return self.send_later(from, operation, now_ns);
        }
        operation.asking = outcome == Outcome::Ask;
        self.nodes[usize::from(to)].queue.push_front(operation);
        // A node without sockets gets one for what waits there.
        self.wants_spread |= self.nodes[usize::from(to)].ready == 0;
        self.wake(to);
    }

    fn redirected_to(&mut self, from: u16, line: &str) -> Option<u16> {
        let parsed = Redirect::parse(&ErrorReply::new(line))?;
        let (Redirect::Moved { address, .. } | Redirect::Ask { address, .. }) = parsed.ok()? else { return None };
        let host = &self.nodes[usize::from(from)].address.host;
        let address = self.plan.reachable(address.address(host));
        self.node_at(&address)
    }

    fn send_later(&mut self, node: u16, operation: Operation, now_ns: u64) {
        let wait = self.backoff(u32::from(operation.attempts));
        let due_ns = now_ns + nanoseconds(wait);
        if due_ns > operation.planned_ns.saturating_add(self.timeout_ns) || self.later.len() >= LATER_MAX {
            return self.recorder.failed(usize::from(node), &operation, now_ns);
        }
        self.later.push(Later { due_ns, operation, node });
    }

    /// The wait after this many failures, between a half of it and the whole.
    fn backoff(&mut self, failures: u32) -> Duration {
        let longest = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(BACKOFF_MOST);
        longest.mul_f64(self.rng.random_range(0.5..1.0))
    }

    /// Marks a socket as not connected, and gives its node and what was in flight.
    fn take_down(&mut self, socket: usize) -> (u16, Vec<Operation>) {
        let entry = &mut self.sockets[socket];
        let node = entry.node;
        match entry.phase {
            Phase::Ready => self.nodes[usize::from(node)].ready -= 1,
            Phase::Setup => self.introducing -= 1,
            Phase::Down | Phase::Opening => {}
        }
        entry.phase = Phase::Down;
        entry.doomed = None;
        entry.listed_at = None;
        entry.node = entry.home();
        entry.next_node = None;
        let connection = std::mem::take(&mut entry.connection);
        let operations =
            connection.in_flight().iter().filter(|operation| operation.template != SETUP).copied().collect();
        (node, operations)
    }
}
