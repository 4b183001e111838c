//! Puts together what all workers saw: second by second, and in total.
//!
//! What rct shows during the run counts operations when they end. The windows of the report count an operation of open
//! loop in the second in which it was planned, so they are known up to `--timeout` later.

mod merged;
mod progress;
mod totals;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::Address;

use self::merged::{Merged, MergedSecond};
use self::progress::Counts;
use crate::outcome::{Outcome, Outcomes};
use crate::outline::Outline;
use crate::plan::Parts;
use crate::ranks::Ranked;
use crate::recorder::{Interval, Lane, NodeCounts, PlannedCounts, microseconds};

pub(crate) use merged::named;
pub use progress::{NodeProgress, Progress, ProgressTime};
pub use totals::WINDOWS_KEPT;
pub(crate) use totals::{StepTotals, Totals};
pub use window::{Brief, NodeWindow, Part, Window};

/// Puts the intervals of all workers together.
pub(crate) struct Timeline {
    parts: Parts,
    workers: usize,
    start_ns: u64,
    timeout_ns: u64,
    is_open_loop: bool,
    /// The intervals that not all workers have given yet.
    pending: BTreeMap<u32, Merged>,
    /// In open loop, the windows whose planned operations have not all ended yet.
    unfinished: BTreeMap<u32, Unfinished>,
    pub(crate) totals: Totals,
}

/// A window of open loop that lacks its planned operations.
struct Unfinished {
    /// The window, and when it began, from the start.
    window: Option<(u64, Window)>,
    second: MergedSecond,
}

impl Timeline {
    /// Makes the timeline of a run that starts at an instant.
    pub(crate) fn new(outline: &Outline, start_ns: u64) -> Self {
        let parts = outline.parts();
        Self {
            parts,
            workers: outline.threads,
            start_ns,
            timeout_ns: outline.timeout_ns(),
            is_open_loop: outline.is_open_loop(),
            pending: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            totals: Totals::new(parts.steps),
        }
    }

    /// Adds an interval of one worker. Gives what to show and log of a second once all workers have given theirs.
    pub(crate) fn add(&mut self, mut interval: Interval) -> Option<(Progress, Vec<Lane>)> {
        for second in std::mem::take(&mut interval.seconds) {
            self.unfinished(second.number).second.add(second);
        }
        let number = interval.number;
        let merged = self.pending.entry(number).or_insert_with(|| Merged::new(&interval));
        merged.add(interval);
        let progress = if merged.workers < self.workers { None } else { self.close(number) };
        while let Some(entry) = self.unfinished.first_entry() {
            let is_whole = entry.get().window.is_some() && entry.get().second.workers >= self.workers;
            if !is_whole {
                break;
            }
            let unfinished = entry.remove();
            self.finish(unfinished);
        }
        progress
    }

    /// Notes that so many workers give no further intervals.
    pub(crate) fn expect_fewer(&mut self, workers: usize) {
        self.workers = self.workers.saturating_sub(workers);
    }

    /// Gives the seconds at the end, for which not all workers gave an interval, and finishes all windows.
    pub(crate) fn close_rest(&mut self) -> Vec<(Progress, Vec<Lane>)> {
        let numbers: Vec<u32> = self.pending.keys().copied().collect();
        let rest = numbers.into_iter().filter_map(|number| self.close(number)).collect();
        for unfinished in std::mem::take(&mut self.unfinished).into_values() {
            self.finish(unfinished);
        }
        rest
    }

    fn unfinished(&mut self, number: u32) -> &mut Unfinished {
        let new = || Unfinished { window: None, second: MergedSecond::default() };
        self.unfinished.entry(number).or_insert_with(new)
    }

    /// Sums up an interval of all workers.
    fn close(&mut self, number: u32) -> Option<(Progress, Vec<Lane>)> {
        let merged = self.pending.remove(&number)?;
        let from_ns = merged.from_ns.saturating_sub(self.start_ns);
        let window = self.window(&merged, from_ns);
        self.totals.keep_texts(&merged);
        if from_ns >= self.parts.measured_from_ns {
            let step = self.step(from_ns);
            self.totals.add(&merged, step, merged.to_ns.saturating_sub(self.start_ns));
            if !self.is_open_loop {
                self.totals.add_to_step(&merged, step);
            }
        }
        if self.is_open_loop {
            self.unfinished(number).window = Some((from_ns, window));
        } else {
            self.totals.keep(window);
        }
        let progress = self.progress(&merged, from_ns);
        let lane = |((node, template, measure), times)| Lane { node, template, measure, times };
        Some((progress, merged.lanes.into_iter().map(lane).collect()))
    }

    /// Completes a window of open loop with the operations that were planned in it.
    fn finish(&mut self, unfinished: Unfinished) {
        let Unfinished { window: Some((from_ns, mut window)), second } = unfinished else { return };
        if from_ns >= self.parts.measured_from_ns {
            let step = self.step(from_ns);
            self.totals.add_second_to_step(&second, step);
        }
        let (sum, response) = second.sum();
        let ranked = |counts: &PlannedCounts, response| {
            Brief::of(&Ranked::with_count(response, counts.unanswered.total(), self.timeout_ns))
        };
        window.planned = sum.planned;
        window.operations = sum.answered;
        window.failed = sum.unanswered.total();
        window.unanswered = sum.unanswered.named();
        window.not_sent = sum.not_sent;
        window.response_us = ranked(&sum, response);
        for (address, counts) in &second.nodes {
            let node = node_of(&mut window.nodes, address);
            node.planned = counts.planned;
            node.operations = counts.answered;
            node.failed = counts.unanswered.total();
            node.not_sent = counts.not_sent;
            node.response_us = ranked(counts, counts.times());
        }
        self.totals.keep(window);
    }

    /// Makes a window of an interval. In open loop it lacks the operations, which [`Timeline::finish`] adds.
    fn window(&self, merged: &Merged, from_ns: u64) -> Window {
        let sum = merged.sum();
        let brief = |wanted| match self.is_open_loop {
            true => None,
            false => Brief::of(&Ranked::answered(merged.response(wanted))),
        };
        let ended = |outcomes: &Outcomes| if self.is_open_loop { 0 } else { outcomes.of(Outcome::Ok) };
        let failed = |failed| if self.is_open_loop { 0 } else { failed };
        let nodes = merged.nodes.iter().map(|(node, counts)| NodeWindow {
            address: node.to_string(),
            planned: ended(&counts.outcomes) + failed(counts.failed),
            operations: ended(&counts.outcomes),
            failed: failed(counts.failed),
            redirects: counts.outcomes.redirects(),
            errors: counts.outcomes.errors(),
            not_sent: 0,
            response_us: brief(Some(&**node)),
        });
        Window {
            at_s: seconds(from_ns),
            length_s: seconds(merged.to_ns - merged.from_ns),
            part: self.part(from_ns),
            planned: ended(&sum.outcomes) + failed(sum.failed),
            operations: ended(&sum.outcomes),
            failed: failed(sum.failed),
            unanswered: sum.unanswered.named(),
            not_sent: 0,
            redirects: sum.outcomes.redirects(),
            errors: sum.outcomes.errors(),
            outcomes: problems(&sum.outcomes),
            response_us: brief(None),
            nodes: nodes.collect(),
        }
    }

    fn progress(&self, merged: &Merged, from_ns: u64) -> Progress {
        let sum = merged.sum();
        let counts = Counts {
            answered: sum.outcomes.of(Outcome::Ok),
            failed: if self.is_open_loop { sum.failed } else { 0 },
            waiting: merged.waiting.count,
        };
        let response = merged.response(None);
        let given_up_us = microseconds(self.timeout_ns.max(response.max()));
        let at =
            |quantile| counts.at(quantile, given_up_us, |quantile| microseconds(response.value_at_quantile(quantile)));
        Progress {
            at_s: seconds(from_ns),
            length_s: seconds(merged.to_ns - merged.from_ns),
            part: self.part(from_ns),
            planned: self.is_open_loop.then_some(sum.planned),
            answered: counts.answered,
            failed: sum.failed,
            waiting: merged.waiting.count,
            oldest_s: merged.waiting.oldest_ns.map_or(0.0, |oldest_ns| seconds(merged.to_ns.saturating_sub(oldest_ns))),
            redirects: sum.outcomes.redirects(),
            errors: sum.outcomes.errors(),
            problems: problems(&sum.outcomes),
            nodes: node_progress(merged),
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }

    fn part(&self, from_ns: u64) -> Part {
        match from_ns {
            at if at < self.parts.ramp_ns => Part::Ramp,
            at if at < self.parts.measured_from_ns => Part::Warmup,
            at if at < self.parts.end_ns() => Part::Measure,
            _ => Part::Drain,
        }
    }

    /// The number of the step at an instant of the measured time.
    fn step(&self, from_ns: u64) -> usize {
        (from_ns.saturating_sub(self.parts.measured_from_ns) / self.parts.step_ns.max(1)) as usize
    }
}

/// The classes of problems that occurred, by name.
fn problems(outcomes: &Outcomes) -> BTreeMap<String, u64> {
    named(outcomes).into_iter().filter(|(name, count)| name != "ok" && *count > 0).collect()
}

/// What each node did, in the order of their addresses. A node for which operations only wait is one of them.
fn node_progress(merged: &Merged) -> Vec<NodeProgress> {
    let mut nodes: BTreeMap<&Address, (NodeCounts, u64)> = BTreeMap::new();
    for (address, counts) in &merged.nodes {
        nodes.entry(address).or_default().0 = *counts;
    }
    for (address, waiting) in &merged.waiting.nodes {
        nodes.entry(address).or_default().1 = *waiting;
    }
    let progress = nodes.into_iter().map(|(address, (counts, waiting))| NodeProgress {
        address: address.to_string(),
        planned: counts.planned,
        answered: counts.outcomes.of(Outcome::Ok),
        failed: counts.failed,
        waiting,
    });
    progress.collect()
}

/// The node at an address in a window; it is added if it is not there.
fn node_of<'a>(nodes: &'a mut Vec<NodeWindow>, address: &Arc<Address>) -> &'a mut NodeWindow {
    let name = address.to_string();
    let at = nodes.iter().position(|node| node.address == name).unwrap_or(nodes.len());
    if at == nodes.len() {
        nodes.push(NodeWindow {
            address: name,
            planned: 0,
            operations: 0,
            failed: 0,
            redirects: 0,
            errors: 0,
            not_sent: 0,
            response_us: None,
        });
    }
    &mut nodes[at]
}

fn seconds(ns: u64) -> f64 {
    (ns as f64 / 1e6).round() / 1e3
}
