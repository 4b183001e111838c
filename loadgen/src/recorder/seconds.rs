//! The operations of open loop by the second in which they were planned.
//!
//! A second is complete once each operation that was planned in it has ended, so at most about `--timeout` later.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wire::Address;

use super::times::{AllTimes, Times, add, times, times_of_a_second};
use super::unanswered::Unanswered;
use crate::outcome::Outcome;
use crate::packed;

/// The most seconds that wait for their last operations. With a longer `--timeout`, what ends later counts in the
/// oldest of them.
const WAITING_MAX: usize = 128;

/// How the operations ended that were planned for one second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedSecond {
    /// The number of the interval with the same bounds.
    pub number: u32,
    /// The counts by node. An operation is planned for one node, and may end at another one after a redirect.
    pub nodes: Vec<(Arc<Address>, PlannedCounts)>,
}

/// The operations of one node that were planned in one second.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct PlannedCounts {
    /// Operations that were planned for the node, those that the generator never reached included.
    pub planned: u64,
    /// Good replies of the node.
    pub answered: u64,
    /// Operations that ended at the node without a good reply.
    pub unanswered: Unanswered,
    /// Planned operations that the generator never reached.
    pub not_sent: u64,
    /// The response times of the good replies.
    #[serde(with = "packed::maybe")]
    pub response: Option<Box<Times>>,
}

impl PlannedCounts {
    /// Gives the response times of the good replies for a whole run.
    pub(crate) fn times(&self) -> AllTimes {
        let mut sum = times();
        self.response.iter().for_each(|seen| add(&mut sum, seen));
        sum
    }

    /// Adds the counts of another.
    pub(crate) fn add(&mut self, more: Self) {
        self.planned += more.planned;
        self.answered += more.answered;
        self.unanswered.add(&more.unanswered);
        self.not_sent += more.not_sent;
        match (&mut self.response, more.response) {
            // Both have the same bounds, so that every time fits.
            (Some(sum), Some(more)) => sum.add(*more).unwrap_or_default(),
            (None, more) => self.response = more,
            (Some(_), None) => {}
        }
    }
}

/// The seconds that are not complete yet, the oldest first.
pub(super) struct PlannedSeconds(VecDeque<Second>);

struct Second {
    number: u32,
    from_ns: u64,
    /// How many planned operations have not ended yet.
    outstanding: u64,
    nodes: Vec<PlannedCounts>,
}

impl PlannedSeconds {
    /// Starts with the second that begins at an instant.
    pub(super) fn new(number: u32, from_ns: u64) -> Self {
        let mut seconds = Self(VecDeque::new());
        seconds.begin(number, from_ns);
        seconds
    }

    /// Begins the next second.
    pub(super) fn begin(&mut self, number: u32, from_ns: u64) {
        self.0.push_back(Second { number, from_ns, outstanding: 0, nodes: Vec::new() });
    }

    /// Counts an operation as planned for a node.
    pub(super) fn planned(&mut self, node: usize, planned_ns: u64) {
        let second = self.of(planned_ns);
        second.outstanding += 1;
        second.node(node).planned += 1;
    }

    /// Counts a good reply of a node.
    pub(super) fn answered(&mut self, node: usize, planned_ns: u64, time_ns: u64) {
        let counts = self.ended(node, planned_ns);
        counts.answered += 1;
        counts.response.get_or_insert_with(|| Box::new(times_of_a_second())).saturating_record(time_ns);
    }

    /// Counts an operation that ended at a node without a good reply.
    pub(super) fn unanswered(&mut self, node: usize, planned_ns: u64, problem: Option<Outcome>) {
        self.ended(node, planned_ns).unanswered.count(problem);
    }

    /// Counts a planned operation that the generator never reached.
    pub(super) fn not_sent(&mut self, node: usize, planned_ns: u64) {
        self.ended(node, planned_ns).not_sent += 1;
    }

    /// Takes the complete seconds that end at or before an instant, up to which everything has been planned.
    pub(super) fn take_complete(
        &mut self,
        planned_until_ns: u64,
        address: impl Fn(usize) -> Arc<Address>,
    ) -> Vec<PlannedSecond> {
        let mut taken = Vec::new();
        // The second that begins when this one ends shows where this one ends.
        while let Some(next) = self.0.get(1) {
            let is_complete = self.0[0].outstanding == 0 && next.from_ns <= planned_until_ns;
            if !is_complete && self.0.len() <= WAITING_MAX {
                break;
            }
            taken.extend(self.0.pop_front().map(|second| second.finish(&address)));
        }
        taken
    }

    /// Takes all seconds.
    pub(super) fn take_all(&mut self, address: impl Fn(usize) -> Arc<Address>) -> Vec<PlannedSecond> {
        std::mem::take(&mut self.0).into_iter().map(|second| second.finish(&address)).collect()
    }

    fn ended(&mut self, node: usize, planned_ns: u64) -> &mut PlannedCounts {
        let second = self.of(planned_ns);
        second.outstanding = second.outstanding.saturating_sub(1);
        second.node(node)
    }

    /// The second of a planned instant: one of the last, in nearly all cases.
    fn of(&mut self, planned_ns: u64) -> &mut Second {
        if self.0.is_empty() {
            self.begin(0, 0);
        }
        let at = self.0.iter().rposition(|second| second.from_ns <= planned_ns).unwrap_or(0);
        &mut self.0[at]
    }
}

impl Second {
    fn node(&mut self, node: usize) -> &mut PlannedCounts {
        if self.nodes.len() <= node {
            self.nodes.resize_with(node + 1, PlannedCounts::default);
        }
        &mut self.nodes[node]
    }

    fn finish(self, address: impl Fn(usize) -> Arc<Address>) -> PlannedSecond {
        let is_used = |counts: &PlannedCounts| counts.planned + counts.answered + counts.unanswered.total() > 0;
        let nodes = self.nodes.into_iter().enumerate().filter(|(_, counts)| is_used(counts));
        PlannedSecond { number: self.number, nodes: nodes.map(|(node, counts)| (address(node), counts)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn address(node: usize) -> Arc<Address> {
        Arc::new(Address::new("a", node as u16))
    }

    fn numbers(seconds: &[PlannedSecond]) -> Vec<u32> {
        seconds.iter().map(|second| second.number).collect()
    }

    #[test]
    fn an_operation_counts_in_the_second_in_which_it_was_planned() {
        let mut seconds = PlannedSeconds::new(0, 0);
        seconds.planned(0, 10);
        seconds.planned(1, 20);
        seconds.begin(1, SECOND);
        seconds.planned(1, SECOND);
        seconds.answered(0, 10, SECOND);
        assert!(seconds.take_complete(2 * SECOND, address).is_empty(), "one operation of the first second waits");
        seconds.unanswered(1, 20, None);
        let complete = seconds.take_complete(2 * SECOND, address);
        assert_eq!(numbers(&complete), [0]);
        let nodes = &complete[0].nodes;
        assert_eq!((nodes[0].1.planned, nodes[0].1.answered, nodes[0].1.unanswered.total()), (1, 1, 0));
        assert_eq!((nodes[1].1.planned, nodes[1].1.answered, nodes[1].1.unanswered.queued), (1, 0, 1));
        assert_eq!(numbers(&seconds.take_all(address)), [1]);
    }

    #[test]
    fn a_second_is_not_complete_before_everything_in_it_is_planned() {
        let mut seconds = PlannedSeconds::new(0, 0);
        seconds.begin(1, SECOND);
        seconds.begin(2, 2 * SECOND);
        assert!(seconds.take_complete(SECOND - 1, address).is_empty());
        assert_eq!(numbers(&seconds.take_complete(SECOND, address)), [0]);
    }

    #[test]
    fn the_seconds_that_wait_are_bounded() {
        let mut seconds = PlannedSeconds::new(0, 0);
        seconds.planned(0, 0);
        for number in 1..=WAITING_MAX as u32 {
            seconds.begin(number, u64::from(number) * SECOND);
            seconds.planned(0, u64::from(number) * SECOND);
        }
        assert_eq!(numbers(&seconds.take_complete(u64::MAX, address)), [0]);
        seconds.answered(0, 0, 5);
        assert_eq!(seconds.take_all(address)[0].nodes[0].1.answered, 1, "the oldest one takes it");
    }
}
