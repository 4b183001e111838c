//! The intervals of all workers with one number, put together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use wire::Address;

use crate::outcome::{Outcome, Outcomes};
use crate::recorder::{
    AllTimes, Interval, Lane, Measure, NodeCounts, PlannedCounts, PlannedSecond, Times, Waiting, add, times,
};

/// The intervals of one number, of the workers that have given theirs so far.
pub(super) struct Merged {
    pub(super) workers: usize,
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) lanes: BTreeMap<(Arc<Address>, u16, Measure), Times>,
    pub(super) nodes: BTreeMap<Arc<Address>, NodeCounts>,
    pub(super) send_lag: AllTimes,
    pub(super) late: u64,
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) error_texts: BTreeMap<String, String>,
    pub(super) waiting: Waiting,
}

impl Merged {
    /// Begins with the bounds of an interval.
    pub(super) fn new(interval: &Interval) -> Self {
        Self {
            workers: 0,
            from_ns: interval.from_ns,
            to_ns: interval.to_ns,
            lanes: BTreeMap::new(),
            nodes: BTreeMap::new(),
            send_lag: times(),
            late: 0,
            codes: BTreeMap::new(),
            error_texts: BTreeMap::new(),
            waiting: Waiting::default(),
        }
    }

    /// Adds the interval of a worker.
    pub(super) fn add(&mut self, interval: Interval) {
        self.workers += 1;
        self.from_ns = self.from_ns.min(interval.from_ns);
        self.to_ns = self.to_ns.max(interval.to_ns);
        for Lane { node, template, measure, times: seen } in interval.lanes {
            match self.lanes.entry((node, template, measure)) {
                Entry::Vacant(entry) => {
                    entry.insert(seen);
                }
                // Both have the same bounds, so that every time fits.
                Entry::Occupied(mut entry) => entry.get_mut().add(&seen).unwrap_or_default(),
            }
        }
        for (node, counts) in interval.nodes {
            self.nodes.entry(node).or_default().add(&counts);
        }
        if let Some(seen) = interval.send_lag {
            add(&mut self.send_lag, &seen);
        }
        self.late += interval.late;
        for (code, count) in interval.codes {
            *self.codes.entry(code).or_default() += count;
        }
        for (code, text) in interval.error_texts {
            self.error_texts.entry(code).or_insert(text);
        }
        self.waiting.add_all(interval.waiting);
    }

    /// Adds up the counts of all nodes.
    pub(super) fn sum(&self) -> NodeCounts {
        let mut sum = NodeCounts::default();
        self.nodes.values().for_each(|counts| sum.add(counts));
        sum
    }

    /// The response times of the good replies that came, of one node or of all.
    pub(super) fn response(&self, wanted: Option<&Address>) -> AllTimes {
        let mut sum = times();
        for ((node, _, measure), seen) in &self.lanes {
            let is_response = matches!(measure, Measure::Response | Measure::ResponseAndService);
            if is_response && wanted.is_none_or(|wanted| **node == *wanted) {
                add(&mut sum, seen);
            }
        }
        sum
    }
}

/// The planned seconds of one number, of the workers that have given theirs so far.
#[derive(Default)]
pub(super) struct MergedSecond {
    pub(super) workers: usize,
    pub(super) nodes: BTreeMap<Arc<Address>, PlannedCounts>,
}

impl MergedSecond {
    /// Adds the second of a worker.
    pub(super) fn add(&mut self, second: PlannedSecond) {
        self.workers += 1;
        for (node, counts) in second.nodes {
            self.nodes.entry(node).or_default().add(counts);
        }
    }

    /// Adds up the counts and the response times of all nodes.
    pub(super) fn sum(&self) -> (PlannedCounts, AllTimes) {
        let (mut sum, mut response) = (PlannedCounts::default(), times());
        for counts in self.nodes.values() {
            sum.planned += counts.planned;
            sum.answered += counts.answered;
            sum.unanswered.add(&counts.unanswered);
            sum.not_sent += counts.not_sent;
            response.add(counts.times()).unwrap_or_default();
        }
        (sum, response)
    }
}

/// Gives the counts by the names of their classes.
pub(crate) fn named(outcomes: &Outcomes) -> BTreeMap<String, u64> {
    Outcome::ALL.into_iter().map(|outcome| (outcome.name().to_owned(), outcomes.of(outcome))).collect()
}
