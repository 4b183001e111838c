//! The sums of a run: everything that its workers handed over, second by second and in total.

use crate::outline::Outline;
use crate::plan::Parts;
use crate::recorder::{Interval, Lane};
use crate::stalls::{Stall, StallFinder};
use crate::timeline::{Progress, Timeline, Totals};

/// Sums up what the workers of one generator, or of several, hand over.
pub(crate) struct Sums {
    timeline: Timeline,
    finder: Option<StallFinder>,
    parts: Parts,
    start_ns: u64,
}

impl Sums {
    /// Begins the sums of a run that starts at an instant of the clock of its intervals.
    pub(crate) fn new(outline: &Outline, start_ns: u64) -> Self {
        let finder = (!outline.shards.is_empty()).then(|| StallFinder::new(outline));
        Self { timeline: Timeline::new(outline, start_ns), finder, parts: outline.parts(), start_ns }
    }

    /// Adds an interval of one worker. Gives what to show and log of a second once all workers have given theirs.
    pub(crate) fn add(&mut self, mut interval: Interval) -> Option<(Progress, Vec<Lane>)> {
        if let Some(finder) = &mut self.finder {
            let now_ms = interval.to_ns.saturating_sub(self.start_ns) / 1_000_000;
            finder.add(std::mem::take(&mut interval.watched), now_ms);
        }
        self.timeline.add(interval)
    }

    /// Notes that so many workers give no further intervals.
    pub(crate) fn expect_fewer(&mut self, workers: usize) {
        self.timeline.expect_fewer(workers);
    }

    /// Closes the seconds at the end, for which not all workers gave an interval.
    pub(crate) fn close(&mut self, second: &mut dyn FnMut(&Progress, &[Lane])) {
        for (progress, lanes) in self.timeline.close_rest() {
            second(&progress, &lanes);
        }
    }

    /// The measured time so far, in seconds.
    pub(crate) fn measured_s(&self) -> f64 {
        let ended_ns = self.timeline.totals.last_ns.saturating_sub(self.parts.measured_from_ns);
        let planned_ns = self.parts.end_ns() - self.parts.measured_from_ns;
        (ended_ns.min(planned_ns) as f64 / 1e6).round() / 1e3
    }

    /// Gives the totals, and the stalls if the run looks for them.
    pub(crate) fn finish(self) -> (Totals, Vec<Stall>) {
        let end_ms = self.timeline.totals.last_ns.min(self.parts.end_ns()) / 1_000_000;
        let stalls = self.finder.map(|finder| finder.finish(end_ms)).unwrap_or_default();
        (self.timeline.totals, stalls)
    }
}
