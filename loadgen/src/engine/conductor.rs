//! What an engine does for its worker between one batch of events and the next, whatever moves the bytes.

use std::sync::atomic::Ordering;

use super::link::Link;
use crate::recorder::Interval;
use crate::worker::Worker;

/// How often a worker looks at what is due.
const TICK_NS: u64 = 10_000_000;
/// Planned instants that are this close go together.
const COALESCE_NS: u64 = 20_000;

/// Ties a worker to the thread that conducts the run.
pub(super) struct Conductor {
    pub(super) link: Link,
    next_tick_ns: u64,
    ready: usize,
    is_started: bool,
}

/// What comes after a step.
pub(super) struct Step {
    /// When the next one is due.
    pub(super) next_ns: u64,
    /// Whether it was the last.
    pub(super) is_done: bool,
    /// The intervals that have ended, for the conducting thread.
    pub(super) intervals: Vec<Interval>,
}

impl Conductor {
    pub(super) fn new(link: Link) -> Self {
        Self { link, next_tick_ns: 0, ready: 0, is_started: false }
    }

    /// Does what is due: takes over layouts, starts, plans, ticks, ends.
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
                // The first operations go at once.
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
            // Wraps for fewer, and so subtracts.
            link.ready.fetch_add(ready.wrapping_sub(self.ready), Ordering::Relaxed);
            self.ready = ready;
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
