//! The sums of a run, and of each step of its rate.

use std::collections::{BTreeMap, VecDeque};

use wire::Address;

use super::merged::{Merged, MergedSecond};
use super::window::Window;
use crate::outcome::Outcome;
use crate::recorder::{AllTimes, Measure, NodeCounts, add, times};

/// How many windows rct keeps; of a longer run it keeps the last ones. Everything is in the interval log.
pub const WINDOWS_KEPT: usize = 3_600;

/// The sums of the measured time.
pub(crate) struct Totals {
    pub(crate) lanes: BTreeMap<(Address, u16, Measure), AllTimes>,
    pub(crate) steps: Vec<StepTotals>,
    pub(crate) nodes: BTreeMap<Address, NodeCounts>,
    pub(crate) send_lag: AllTimes,
    pub(crate) late: u64,
    pub(crate) codes: BTreeMap<String, u64>,
    pub(crate) error_texts: BTreeMap<String, String>,
    pub(crate) windows: VecDeque<Window>,
    pub(crate) windows_dropped: u64,
    /// The end of the last interval in which something happened, from the start.
    pub(crate) last_ns: u64,
}

/// The sums of a step. In open loop an operation counts in the step in which it was planned.
pub(crate) struct StepTotals {
    pub(crate) planned: u64,
    pub(crate) operations: u64,
    pub(crate) failed: u64,
    pub(crate) not_sent: u64,
    /// The times of the good replies.
    pub(crate) response: AllTimes,
    pub(crate) send_lag: AllTimes,
}

impl Totals {
    /// Makes empty sums of a run with this many steps.
    pub(super) fn new(steps: usize) -> Self {
        let step =
            || StepTotals { planned: 0, operations: 0, failed: 0, not_sent: 0, response: times(), send_lag: times() };
        Self {
            lanes: BTreeMap::new(),
            steps: (0..steps.max(1)).map(|_| step()).collect(),
            nodes: BTreeMap::new(),
            send_lag: times(),
            late: 0,
            codes: BTreeMap::new(),
            error_texts: BTreeMap::new(),
            windows: VecDeque::new(),
            windows_dropped: 0,
            last_ns: 0,
        }
    }

    /// Adds an interval of the measured time that ended at `to_ns` from the start.
    pub(super) fn add(&mut self, merged: &Merged, step: usize, to_ns: u64) {
        let step = self.step(step);
        add(&mut step.send_lag, &merged.send_lag);
        for ((node, template, measure), seen) in &merged.lanes {
            let lane = self.lanes.entry((Address::clone(node), *template, *measure)).or_insert_with(times);
            add(lane, seen);
        }
        for (node, counts) in &merged.nodes {
            self.nodes.entry(Address::clone(node)).or_default().add(counts);
            self.last_ns = self.last_ns.max(to_ns);
        }
        add(&mut self.send_lag, &merged.send_lag);
        self.late += merged.late;
        for (code, count) in &merged.codes {
            *self.codes.entry(code.clone()).or_default() += count;
        }
    }

    /// Keeps the first texts of errors of an interval, which may also lie before the measured time.
    pub(super) fn keep_texts(&mut self, merged: &Merged) {
        for (code, text) in &merged.error_texts {
            self.error_texts.entry(code.clone()).or_insert_with(|| text.clone());
        }
    }

    /// Adds an interval of closed loop to its step.
    pub(super) fn add_to_step(&mut self, merged: &Merged, step: usize) {
        let sum = merged.sum();
        let step = self.step(step);
        step.operations += sum.outcomes.of(Outcome::Ok);
        step.failed += sum.failed;
        step.planned = step.operations + step.failed;
        add(&mut step.response, &merged.response(None));
    }

    /// Adds a second of open loop to its step.
    pub(super) fn add_second_to_step(&mut self, second: &MergedSecond, step: usize) {
        let (sum, response) = second.sum();
        let step = self.step(step);
        step.planned += sum.planned;
        step.operations += sum.answered;
        step.failed += sum.unanswered.total();
        step.not_sent += sum.not_sent;
        add(&mut step.response, &response);
    }

    /// Keeps a window, and drops the oldest one if there are too many.
    pub(super) fn keep(&mut self, window: Window) {
        if self.windows.len() == WINDOWS_KEPT {
            self.windows.pop_front();
            self.windows_dropped += 1;
        }
        self.windows.push_back(window);
    }

    fn step(&mut self, step: usize) -> &mut StepTotals {
        let last = self.steps.len() - 1;
        &mut self.steps[step.min(last)]
    }
}
