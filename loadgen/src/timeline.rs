//! What all workers saw, second by second and in all.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hdrhistogram::{Counter, Histogram};
use serde::{Deserialize, Serialize};
use wire::Address;

use crate::outcome::{Outcome, Outcomes};
use crate::plan::Parts;
use crate::recorder::{AllTimes, Interval, Lane, Measure, NodeCounts, Times, times};

/// The windows that are kept; of a longer run the last ones. Everything is in the interval log.
pub const WINDOWS_KEPT: usize = 3_600;

/// A part of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The rate rises.
    Ramp,
    /// Nothing is measured yet.
    Warmup,
    /// What counts.
    Measure,
    /// Nothing new is planned, what is in flight is awaited; it counts.
    Drain,
}

/// One second of a run, or less where a part ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Its beginning, in seconds from the start.
    pub at_s: f64,
    /// Its length, in seconds.
    pub length_s: f64,
    /// The part of the run.
    pub part: Part,
    /// Good replies.
    pub operations: u64,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// Operations that were planned and never sent.
    pub not_sent: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other trouble.
    pub errors: u64,
    /// The classes of trouble that came, by name.
    pub outcomes: BTreeMap<String, u64>,
    /// Response times in microseconds.
    pub response_us: Option<Brief>,
    /// The nodes that were heard of.
    pub nodes: Vec<NodeWindow>,
}

/// One second of one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeWindow {
    /// Its address.
    pub address: String,
    /// Good replies.
    pub operations: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other trouble.
    pub errors: u64,
    /// Operations that were planned for it and never sent.
    pub not_sent: u64,
    /// Response times in microseconds.
    pub response_us: Option<Brief>,
}

/// Three numbers of a histogram, in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Brief {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

/// The sums of a run.
pub(crate) struct Totals {
    pub(crate) lanes: BTreeMap<(Address, u16, Measure), AllTimes>,
    pub(crate) steps: Vec<StepTotals>,
    pub(crate) nodes: BTreeMap<Address, NodeCounts>,
    pub(crate) send_lag: AllTimes,
    pub(crate) late: u64,
    pub(crate) codes: BTreeMap<String, u64>,
    pub(crate) windows: VecDeque<Window>,
    pub(crate) windows_dropped: u64,
    /// The last good reply or other end, from the start.
    pub(crate) last_ns: u64,
}

/// The sums of a step.
pub(crate) struct StepTotals {
    pub(crate) operations: u64,
    pub(crate) failed: u64,
    pub(crate) not_sent: u64,
    pub(crate) response: AllTimes,
    pub(crate) send_lag: AllTimes,
}

/// Puts the intervals of all workers together.
pub(crate) struct Timeline {
    parts: Parts,
    workers: usize,
    start_ns: u64,
    pending: BTreeMap<u32, Merged>,
    pub(crate) totals: Totals,
}

/// The intervals of one number, of the workers that gave theirs so far.
struct Merged {
    workers: usize,
    from_ns: u64,
    to_ns: u64,
    lanes: BTreeMap<(Arc<Address>, u16, Measure), Times>,
    nodes: BTreeMap<Arc<Address>, NodeCounts>,
    send_lag: AllTimes,
    late: u64,
    codes: BTreeMap<String, u64>,
}

impl Timeline {
    pub(crate) fn new(parts: Parts, workers: usize, start_ns: u64) -> Self {
        let step = || StepTotals { operations: 0, failed: 0, not_sent: 0, response: times(), send_lag: times() };
        let totals = Totals {
            lanes: BTreeMap::new(),
            steps: (0..parts.steps).map(|_| step()).collect(),
            nodes: BTreeMap::new(),
            send_lag: times(),
            late: 0,
            codes: BTreeMap::new(),
            windows: VecDeque::new(),
            windows_dropped: 0,
            last_ns: 0,
        };
        Self { parts, workers, start_ns, pending: BTreeMap::new(), totals }
    }

    /// Takes an interval of one worker; gives the window and its times once all workers have given theirs.
    pub(crate) fn add(&mut self, interval: Interval) -> Option<(Window, Vec<Lane>)> {
        let number = interval.number;
        let merged = self.pending.entry(number).or_insert_with(|| Merged::new(&interval));
        merged.add(interval);
        if merged.workers < self.workers { None } else { self.close(number) }
    }

    /// Gives the windows for which not all workers gave an interval: those of the end.
    pub(crate) fn close_rest(&mut self) -> Vec<(Window, Vec<Lane>)> {
        let numbers: Vec<u32> = self.pending.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.close(number)).collect()
    }

    fn close(&mut self, number: u32) -> Option<(Window, Vec<Lane>)> {
        let merged = self.pending.remove(&number)?;
        let from_ns = merged.from_ns.saturating_sub(self.start_ns);
        let window = merged.window(from_ns, self.part(from_ns));
        if from_ns >= self.parts.measured_from_ns {
            self.sum(&merged, from_ns);
        }
        if self.totals.windows.len() == WINDOWS_KEPT {
            self.totals.windows.pop_front();
            self.totals.windows_dropped += 1;
        }
        self.totals.windows.push_back(window.clone());
        let lane = |((node, template, measure), times)| Lane { node, template, measure, times };
        Some((window, merged.lanes.into_iter().map(lane).collect()))
    }

    fn part(&self, from_ns: u64) -> Part {
        match from_ns {
            at if at < self.parts.ramp_ns => Part::Ramp,
            at if at < self.parts.measured_from_ns => Part::Warmup,
            at if at < self.parts.end_ns() => Part::Measure,
            _ => Part::Drain,
        }
    }

    fn sum(&mut self, merged: &Merged, from_ns: u64) {
        let totals = &mut self.totals;
        let step = ((from_ns - self.parts.measured_from_ns) / self.parts.step_ns.max(1)) as usize;
        let last = totals.steps.len() - 1;
        let step = &mut totals.steps[step.min(last)];
        for ((node, template, measure), seen) in &merged.lanes {
            let lane = totals.lanes.entry((Address::clone(node), *template, *measure)).or_insert_with(times);
            add(lane, seen);
            if matches!(measure, Measure::Response | Measure::ResponseAndService) {
                add(&mut step.response, seen);
            }
        }
        for (node, counts) in &merged.nodes {
            let sum = totals.nodes.entry(Address::clone(node)).or_default();
            add_counts(sum, counts);
            step.operations += counts.outcomes.of(Outcome::Ok);
            step.failed += counts.failed;
            step.not_sent += counts.not_sent;
            totals.last_ns = merged.to_ns.saturating_sub(self.start_ns);
        }
        add(&mut totals.send_lag, &merged.send_lag);
        add(&mut step.send_lag, &merged.send_lag);
        totals.late += merged.late;
        for (code, count) in &merged.codes {
            *totals.codes.entry(code.clone()).or_default() += count;
        }
    }
}

impl Merged {
    fn new(interval: &Interval) -> Self {
        Self {
            workers: 0,
            from_ns: interval.from_ns,
            to_ns: interval.to_ns,
            lanes: BTreeMap::new(),
            nodes: BTreeMap::new(),
            send_lag: times(),
            late: 0,
            codes: BTreeMap::new(),
        }
    }

    fn add(&mut self, interval: Interval) {
        self.workers += 1;
        self.from_ns = self.from_ns.min(interval.from_ns);
        self.to_ns = self.to_ns.max(interval.to_ns);
        for Lane { node, template, measure, times: seen } in interval.lanes {
            match self.lanes.entry((node, template, measure)) {
                Entry::Vacant(entry) => {
                    entry.insert(seen);
                }
                // Both have the same bounds, so that all fits.
                Entry::Occupied(mut entry) => entry.get_mut().add(&seen).unwrap_or_default(),
            }
        }
        for (node, counts) in interval.nodes {
            add_counts(self.nodes.entry(node).or_default(), &counts);
        }
        if let Some(seen) = interval.send_lag {
            add(&mut self.send_lag, &seen);
        }
        self.late += interval.late;
        for (code, count) in interval.codes {
            *self.codes.entry(code).or_default() += count;
        }
    }

    fn window(&self, from_ns: u64, part: Part) -> Window {
        let mut all = NodeCounts::default();
        self.nodes.values().for_each(|counts| add_counts(&mut all, counts));
        let response = |wanted: Option<&Address>| {
            let mut sum = times();
            for ((node, _, measure), seen) in &self.lanes {
                let is_response = matches!(measure, Measure::Response | Measure::ResponseAndService);
                if is_response && wanted.is_none_or(|wanted| **node == *wanted) {
                    add(&mut sum, seen);
                }
            }
            brief(&sum)
        };
        let nodes = self.nodes.iter().map(|(node, counts)| NodeWindow {
            address: node.to_string(),
            operations: counts.outcomes.of(Outcome::Ok),
            redirects: counts.outcomes.redirects(),
            errors: counts.outcomes.errors(),
            not_sent: counts.not_sent,
            response_us: response(Some(node)),
        });
        Window {
            at_s: seconds(from_ns),
            length_s: seconds(self.to_ns - self.from_ns),
            part,
            operations: all.outcomes.of(Outcome::Ok),
            failed: all.failed,
            not_sent: all.not_sent,
            redirects: all.outcomes.redirects(),
            errors: all.outcomes.errors(),
            outcomes: named(&all.outcomes).into_iter().filter(|(name, count)| name != "ok" && *count > 0).collect(),
            response_us: response(None),
            nodes: nodes.collect(),
        }
    }
}

/// The counts by the names of their classes.
pub(crate) fn named(outcomes: &Outcomes) -> BTreeMap<String, u64> {
    Outcome::ALL.into_iter().map(|outcome| (outcome.name().to_owned(), outcomes.of(outcome))).collect()
}

pub(crate) fn add_counts(sum: &mut NodeCounts, more: &NodeCounts) {
    sum.outcomes.add(&more.outcomes);
    sum.not_sent += more.not_sent;
    sum.hits += more.hits;
    sum.misses += more.misses;
    sum.failed += more.failed;
}

/// Adds a histogram to one of the same bounds.
pub(crate) fn add<C: Counter>(sum: &mut AllTimes, more: &Histogram<C>) {
    for step in more.iter_recorded() {
        sum.saturating_record_n(step.value_iterated_to(), step.count_at_value().as_u64());
    }
}

fn brief(times: &AllTimes) -> Option<Brief> {
    let us = |quantile| microseconds(times.value_at_quantile(quantile));
    (!times.is_empty()).then(|| Brief { p50: us(0.5), p99: us(0.99), max: microseconds(times.max()) })
}

/// Microseconds with one decimal.
pub(crate) fn microseconds(ns: u64) -> f64 {
    (ns as f64 / 100.0).round() / 10.0
}

fn seconds(ns: u64) -> f64 {
    (ns as f64 / 1e6).round() / 1e3
}
