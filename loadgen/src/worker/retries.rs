//! Operations that wait to be sent again, and how long everything that failed waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::operation::Operation;
use crate::plan::nanoseconds;

/// The first wait before an operation is sent again; it doubles each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
/// The longest wait before an operation is sent again, or a socket is connected again.
const BACKOFF_MAX: Duration = Duration::from_millis(500);
/// The most operations that wait to be sent again; further ones fail.
const WAITING_MAX: usize = 1 << 18;

/// The operations that wait to be sent again.
pub(super) struct RetryQueue {
    waiting: BinaryHeap<Waiting>,
    rng: SmallRng,
}

impl RetryQueue {
    /// An empty queue, whose waits vary with the seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { waiting: BinaryHeap::new(), rng: SmallRng::seed_from_u64(seed) }
    }

    /// Queues an operation that `node` had last. Says no if its wait would end after `give_up_ns`, or too many wait.
    pub(super) fn add(&mut self, node: u16, operation: Operation, now_ns: u64, give_up_ns: u64) -> bool {
        let due_ns = now_ns + nanoseconds(self.backoff(u32::from(operation.attempts)));
        let is_possible = due_ns <= give_up_ns && self.waiting.len() < WAITING_MAX;
        if is_possible {
            self.waiting.push(Waiting { due_ns, operation, node });
        }
        is_possible
    }

    /// Takes an operation whose wait is over, with the node that had it last.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<(u16, Operation)> {
        self.waiting.peek().filter(|first| first.due_ns <= now_ns)?;
        self.waiting.pop().map(|Waiting { node, operation, .. }| (node, operation))
    }

    /// Takes all operations, each with the node that had it last.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (u16, Operation)> + use<> {
        std::mem::take(&mut self.waiting).into_iter().map(|Waiting { node, operation, .. }| (node, operation))
    }

    /// Whether no operation waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The wait after this many failures: between half of the longest one and all of it.
    pub(super) fn backoff(&mut self, failures: u32) -> Duration {
        let longest = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(BACKOFF_MAX);
        longest.mul_f64(self.rng.random_range(0.5..1.0))
    }
}

/// An operation in the queue. The one that is due first is the greatest, as [`BinaryHeap`] wants it.
#[derive(PartialEq, Eq)]
struct Waiting {
    due_ns: u64,
    operation: Operation,
    /// The node that had it last.
    node: u16,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        Reverse(self.due_ns).cmp(&Reverse(other.due_ns))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(key: u64, attempts: u16) -> Operation {
        Operation {
            planned_ns: 0,
            sent_ns: 0,
            key,
            seed: 0,
            slot: wire::Slot::MAX,
            template: 0,
            attempts,
            replies: 1,
            asking: false,
        }
    }

    #[test]
    fn the_shortest_wait_ends_first() {
        let mut queue = RetryQueue::new(1);
        assert!(queue.add(7, operation(1, 4), 0, u64::MAX) && queue.add(8, operation(2, 1), 0, u64::MAX));
        assert_eq!(queue.take_due(4_999_999), None);
        let due =
            |queue: &mut RetryQueue, now_ns| queue.take_due(now_ns).map(|(node, operation)| (node, operation.key));
        assert_eq!(due(&mut queue, 10_000_000), Some((8, 2)));
        assert_eq!((due(&mut queue, 10_000_000), due(&mut queue, 80_000_000)), (None, Some((7, 1))));
        assert!(queue.is_empty());
    }

    #[test]
    fn an_operation_whose_time_is_over_before_its_wait_is_refused() {
        let mut queue = RetryQueue::new(1);
        assert!(!queue.add(0, operation(1, 1), 1_000, 5_000_000));
        assert!(queue.is_empty());
    }
}
