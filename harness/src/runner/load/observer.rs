//! Passes what loadgen sees of a run on to the run's reporters.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use loadgen::layout::Layout;
use loadgen::outline::Outline;
use loadgen::recorder::{Interval, Lane};
use loadgen::timeline::Progress;
use loadgen::{LoadPlan, Observer};
use tokio::sync::oneshot;

use crate::record::load_event::{LoadEvent, LoadEventLine};

/// Tells a run's reporters what loadgen sees.
pub(super) struct ReportingObserver<'a> {
    /// The events of the run also send into it.
    line: &'a RefCell<&'a mut LoadEventLine>,
    start: Option<oneshot::Sender<Instant>>,
    connections: usize,
    commands: Vec<String>,
}

impl<'a> ReportingObserver<'a> {
    /// Returns an observer that tells `start` when the load begins.
    pub(super) fn new(
        line: &'a RefCell<&'a mut LoadEventLine>,
        plan: &LoadPlan,
        layout: &Layout,
        start: oneshot::Sender<Instant>,
    ) -> Self {
        let commands = plan.workload.templates.iter().map(|template| template.name.clone()).collect();
        Self { line, start: Some(start), connections: plan.sockets(layout), commands }
    }
}

impl Observer for ReportingObserver<'_> {
    fn connected(&mut self, ready: usize, took: Duration) {
        let connected = LoadEvent::Connected { at: Timestamp::now(), ready, wanted: self.connections, took };
        self.line.borrow_mut().send(&connected);
    }

    fn starts(&mut self, at: Instant) {
        if let Some(part) = &mut self.line.borrow_mut().record_mut().part {
            let left = at.saturating_duration_since(Instant::now());
            part.load_began = Timestamp::now().checked_add(left).ok();
        }
        // Without events nobody waits for it.
        let _nobody = self.start.take().map(|start| start.send(at));
    }

    fn begins(&mut self, start_ns: u64, outline: &Outline) {
        self.line.borrow_mut().send(&LoadEvent::LoadStarts { start_ns, outline });
    }

    fn handed_over(&mut self, interval: &Interval) {
        self.line.borrow_mut().send(&LoadEvent::HandedOver { interval });
    }

    fn second(&mut self, progress: &Progress, lanes: &[Lane]) {
        self.line.borrow_mut().send(&LoadEvent::SecondEnded { progress, lanes, commands: &self.commands });
    }
}

/// Tells a run's reporters how far the writing or deleting of keys is, which is no part of the measurement.
pub(super) struct KeysObserver<'a> {
    line: &'a mut LoadEventLine,
    done: &'static str,
    space: &'a str,
    keys: u64,
    wanted: u64,
}

impl<'a> KeysObserver<'a> {
    pub(super) fn new(line: &'a mut LoadEventLine, done: &'static str, space: &'a str, wanted: u64) -> Self {
        Self { line, done, space, keys: 0, wanted }
    }
}

impl Observer for KeysObserver<'_> {
    fn connected(&mut self, _ready: usize, _took: Duration) {}

    fn second(&mut self, progress: &Progress, _lanes: &[Lane]) {
        self.keys += progress.answered;
        let Self { done, space, keys, wanted, .. } = *self;
        self.line.send(&LoadEvent::KeysProgress { done, space, keys, wanted });
    }
}
