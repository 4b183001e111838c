//! What a run shows about a second as soon as that second is over.

use std::collections::BTreeMap;

use crate::timeline::window::Part;

/// What happened in a second. Unlike [`Window`](super::Window), it counts operations when they end, because it cannot
/// wait for the last of them.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The beginning of the second, in seconds from the start.
    pub at_s: f64,
    /// Its length, in seconds.
    pub length_s: f64,
    /// The part of the run.
    pub part: Part,
    /// Operations that were planned in it; `None` in closed loop.
    pub planned: Option<u64>,
    /// Good replies that came in it.
    pub answered: u64,
    /// Operations that ended in it without a good reply.
    pub failed: u64,
    /// Operations of open loop that wait at its end.
    pub waiting: u64,
    /// The time since the planned instant of the oldest of them, in seconds.
    pub oldest_s: f64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other errors.
    pub errors: u64,
    /// Redirects and errors by the name of their class; only those that came.
    pub problems: BTreeMap<String, u64>,
    /// What each node did, in the order of their addresses.
    pub nodes: Vec<NodeProgress>,
    /// The median of the response times; `None` if nothing ended or waits.
    pub p50: Option<ProgressTime>,
    /// Their 99th percentile.
    pub p99: Option<ProgressTime>,
    /// The longest of them.
    pub max: Option<ProgressTime>,
}

/// What a node did in a second. Operations count when they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeProgress {
    /// Its address.
    pub address: String,
    /// Operations that open loop planned for it.
    pub planned: u64,
    /// Good replies.
    pub answered: u64,
    /// Operations that ended at it without a good reply.
    pub failed: u64,
    /// Operations of open loop that wait for it at the end of the second.
    pub waiting: u64,
}

/// A percentile of the operations that ended in a second, or wait at its end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ProgressTime {
    /// The operation got a good reply after this many microseconds.
    Answered(f64),
    /// The operation still waits.
    Waiting,
    /// rct gave up the operation after at least this many microseconds.
    NoAnswer(f64),
}

/// The numbers of operations that decide at which of them a percentile falls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) waiting: u64,
}

impl Counts {
    /// Finds the operation at a quantile: good replies come first, then those that wait, then those that failed.
    ///
    /// `answered` gives the time at a quantile of the good replies, in microseconds.
    pub(super) fn at(self, quantile: f64, given_up_us: f64, answered: impl Fn(f64) -> f64) -> Option<ProgressTime> {
        let all = self.answered + self.failed + self.waiting;
        let rank = ((quantile * all as f64).ceil() as u64).max(1);
        match rank {
            _ if all == 0 => None,
            rank if rank <= self.answered => Some(ProgressTime::Answered(answered(rank as f64 / self.answered as f64))),
            rank if rank <= self.answered + self.waiting => Some(ProgressTime::Waiting),
            _ => Some(ProgressTime::NoAnswer(given_up_us)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_wait_rank_between_good_replies_and_failures() {
        let at = |answered, waiting, failed, quantile| {
            Counts { answered, failed, waiting }.at(quantile, 2e6, |quantile| (quantile * 100.0).round())
        };
        assert_eq!(at(0, 0, 0, 0.5), None);
        assert_eq!(at(100, 0, 0, 0.5), Some(ProgressTime::Answered(50.0)));
        assert_eq!(at(67, 33, 0, 0.5), Some(ProgressTime::Answered(75.0)));
        assert_eq!(at(67, 33, 0, 0.99), Some(ProgressTime::Waiting));
        assert_eq!(at(67, 33, 33, 0.7), Some(ProgressTime::Waiting));
        assert_eq!(at(67, 33, 33, 0.99), Some(ProgressTime::NoAnswer(2e6)));
    }
}
