//! Passes what loadgen sees of a run on to the run's reporters.

use std::time::Duration;

use jiff::Timestamp;
use loadgen::layout::Layout;
use loadgen::recorder::Lane;
use loadgen::timeline::Progress;
use loadgen::{LoadPlan, Observer};

use crate::record::load_event::{LoadEvent, LoadEventLine};

/// Tells a run's reporters what loadgen sees.
pub(super) struct ReportingObserver<'a> {
    line: &'a mut LoadEventLine,
    connections: usize,
    commands: Vec<String>,
}

impl<'a> ReportingObserver<'a> {
    pub(super) fn new(line: &'a mut LoadEventLine, plan: &LoadPlan, layout: &Layout) -> Self {
        let commands = plan.workload.templates.iter().map(|template| template.name.clone()).collect();
        Self { line, connections: plan.sockets(layout), commands }
    }
}

impl Observer for ReportingObserver<'_> {
    fn connected(&mut self, ready: usize, took: Duration) {
        self.line.send(&LoadEvent::Connected { at: Timestamp::now(), ready, wanted: self.connections, took });
    }

    fn second(&mut self, progress: &Progress, lanes: &[Lane]) {
        self.line.send(&LoadEvent::SecondEnded { progress, lanes, commands: &self.commands });
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
