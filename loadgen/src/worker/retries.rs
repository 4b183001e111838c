//! Operations that wait for a retry, and how long operations and sockets wait after a failure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::operation::Operation;
use crate::plan::nanoseconds;
use crate::recorder::Waiting;

/// The first wait before a retry; it doubles each time.
pub(super) const BACKOFF_FIRST: Duration = Duration::from_millis(10);
/// The longest wait before a socket connects again.
pub(super) const BACKOFF_MAX: Duration = Duration::from_millis(500);
/// The longest wait before a retry while few operations wait.
const RETRY_WAIT_MAX: Duration = Duration::from_millis(20);
/// The distance of two retries while many operations wait: one of them soon finds that the node serves again, and
/// together they do not keep the servers from that.
const RETRY_EVERY: Duration = Duration::from_micros(500);
/// How many further operations may be sent again at once when a retry succeeds, because the node serves again.
const RELEASED_BY_SUCCESS: usize = 2;
/// The most operations that wait for a retry; further ones fail.
const WAITING_MAX: usize = 1 << 18;

/// The operations that wait for a retry.
pub(super) struct RetryQueue {
    waiting: BinaryHeap<Delayed>,
    /// How many of them may be sent before their waits are over.
    released: usize,
    rng: SmallRng,
}

impl RetryQueue {
    /// An empty queue, whose waits vary with the seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { waiting: BinaryHeap::new(), released: 0, rng: SmallRng::seed_from_u64(seed) }
    }

    /// Queues an operation that `node` had last; its wait ends at `give_up_ns` at the latest. Returns false if that has
    /// passed, or if too many wait.
    pub(super) fn add(&mut self, node: u16, operation: Operation, now_ns: u64, give_up_ns: u64) -> bool {
        let is_possible = now_ns < give_up_ns && self.waiting.len() < WAITING_MAX;
        if is_possible {
            let paced = RETRY_EVERY.saturating_mul(self.waiting.len() as u32);
            let wait = self.backoff(u32::from(operation.attempts), RETRY_WAIT_MAX).max(self.shortened(paced));
            let due_ns = now_ns.saturating_add(nanoseconds(wait)).min(give_up_ns);
            self.waiting.push(Delayed { due_ns, operation, node });
        }
        is_possible
    }

    /// Lets further operations go at once, because a retry succeeded.
    pub(super) fn release(&mut self) {
        self.released = (self.released + RELEASED_BY_SUCCESS).min(self.waiting.len());
    }

    /// Takes an operation whose wait is over or that was released, with the node that had it last.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<(u16, Operation)> {
        if self.waiting.peek()?.due_ns > now_ns {
            self.released = self.released.checked_sub(1)?;
        }
        let first = self.waiting.pop()?;
        // Those that wait later were not released.
        self.released = self.released.min(self.waiting.len());
        Some((first.node, first.operation))
    }

    /// Takes all operations, each with the node that had it last.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (u16, Operation)> + use<> {
        std::mem::take(&mut self.waiting).into_iter().map(|Delayed { node, operation, .. }| (node, operation))
    }

    /// How many operations wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no operation waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Counts the operations, in all and by the number of the node that had them last, and finds the oldest one.
    pub(super) fn add_waiting(&self, waiting: &mut Waiting, by_node: &mut [u64]) {
        for entry in &self.waiting {
            waiting.add(1, Some(entry.operation.planned_ns));
            by_node[usize::from(entry.node)] += 1;
        }
    }

    /// The wait after this many failures, at most `most`; chance shortens it by up to a half.
    pub(super) fn backoff(&mut self, failures: u32, most: Duration) -> Duration {
        self.shortened(BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(most))
    }

    /// A wait that chance shortens by up to a half.
    fn shortened(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.rng.random_range(0.5..1.0))
    }
}

/// An operation in the queue. The one that is due first is the largest, because [`BinaryHeap`] gives the largest first.
#[derive(PartialEq, Eq)]
struct Delayed {
    due_ns: u64,
    operation: Operation,
    /// The node that had it last.
    node: u16,
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        Reverse(self.due_ns).cmp(&Reverse(other.due_ns))
    }
}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(key: u64, attempts: u8) -> Operation {
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
            problem: None,
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
    fn an_operation_whose_time_is_over_is_refused() {
        let mut queue = RetryQueue::new(1);
        assert!(!queue.add(0, operation(1, 1), 5_000_000, 5_000_000));
        assert!(queue.is_empty());
        assert!(queue.add(0, operation(1, 1), 4_999_000, 5_000_000));
        assert!(queue.take_due(5_000_000).is_some(), "the wait ends with the time of the operation");
    }

    #[test]
    fn many_operations_are_sent_again_one_by_one_until_one_succeeds() {
        let mut queue = RetryQueue::new(1);
        (0..4_000).for_each(|key| assert!(queue.add(0, operation(key, 1), 0, u64::MAX)));
        let due = |queue: &mut RetryQueue, now_ns| std::iter::from_fn(|| queue.take_due(now_ns)).count();
        let in_a_second = due(&mut queue, 1_000_000_000);
        assert!((2_000..=4_000 - 1_000).contains(&in_a_second), "{in_a_second}");
        queue.release();
        assert_eq!(due(&mut queue, 1_000_000_000), RELEASED_BY_SUCCESS);
        (0..4_000).for_each(|_| queue.release());
        assert_eq!(due(&mut queue, 1_000_000_000), 4_000 - in_a_second - RELEASED_BY_SUCCESS, "no more than wait");
        assert!(queue.add(0, operation(1, 1), 0, u64::MAX));
        assert_eq!(due(&mut queue, 0), 0, "what waits later is not released");
    }
}
