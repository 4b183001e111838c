//! The work between two batches of events of a worker, which is the same for both engines.

use std::sync::atomic::Ordering;

use super::link::Link;
use crate::recorder::Interval;
use crate::worker::Worker;

/// How often a worker checks for due work, such as timeouts and retries.
const TICK_NS: u64 = 10_000_000;
/// Planned instants that are this close to each other are served in one step.
const COALESCE_NS: u64 = 20_000;

/// Connects a worker to the thread that conducts the run.
pub(super) struct WorkerDriver {
    pub(super) link: Link,
    next_tick_ns: u64,
    ready: usize,
    is_started: bool,
}

/// The result of a step.
pub(super) struct Step {
    /// When the next step is due.
    pub(super) next_ns: u64,
    /// Whether this step was the last one.
    pub(super) is_done: bool,
    /// The intervals that have ended. The engine sends them to the conducting thread.
    pub(super) intervals: Vec<Interval>,
}

impl WorkerDriver {
    pub(super) fn new(link: Link) -> Self {
        Self { link, next_tick_ns: 0, ready: 0, is_started: false }
    }

    /// Does everything that is due: applies a new layout, starts or stops the run, plans operations, and ticks.
    pub(super) fn step(&mut self, worker: &mut Worker) -> Step {
        let link = &mut self.link;
        let now_ns = link.clock.now_ns();
        if link.layouts.has_changed().unwrap_or(false) {
            worker.apply(&link.layouts.borrow_and_update());
        }
        let mut start_ns = u64::MAX;
        if !self.is_started {
            start_ns = link.start.borrow().unwrap_or(u64::MAX);
            if start_ns <= now_ns {
                worker.start(start_ns);
                self.is_started = true;
                // The first operations are due at once.
                self.next_tick_ns = now_ns;
                start_ns = u64::MAX;
            }
        }
        if link.stop.is_raised() {
            worker.stop(now_ns);
        }
        let planned_ns = worker.pace(now_ns);
        if now_ns >= self.next_tick_ns {
            worker.tick(now_ns);
            self.next_tick_ns = now_ns + TICK_NS;
            let ready = worker.ready_count();
            // If the count fell, the difference wraps, and so the addition subtracts.
            link.ready.fetch_add(ready.wrapping_sub(self.ready), Ordering::Relaxed);
            self.ready = ready;
            if let Some(text) = worker.take_trouble() {
                // Another thread may have had trouble first.
                let _told = link.trouble.set(text);
            }
        }
        if worker.take_refresh_request() {
            link.refresh.notify_one();
        }
        let is_done = worker.is_done(now_ns) && (self.is_started || link.stop.is_raised());
        if is_done {
            worker.finish(now_ns);
        }
        let next_ns = planned_ns.min(start_ns).max(now_ns + COALESCE_NS).min(self.next_tick_ns);
        Step { next_ns, is_done, intervals: worker.take_intervals() }
    }
}
