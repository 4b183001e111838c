//! Passes what loadgen sees of a run on to the run's reporters.

use std::time::Duration;

use jiff::Timestamp;
use loadgen::recorder::Lane;
use loadgen::timeline::Progress;
use loadgen::{LoadPlan, Observer};

use crate::record::load_event::{LoadEvent, LoadEventLine};

/// Tells a run's reporters what loadgen sees.
pub(super) struct ReportingObserver<'a> {
    line: &'a mut LoadEventLine,
    clients: usize,
    commands: Vec<String>,
}

impl<'a> ReportingObserver<'a> {
    pub(super) fn new(line: &'a mut LoadEventLine, plan: &LoadPlan) -> Self {
        let commands = plan.workload.templates.iter().map(|template| template.name.clone()).collect();
        Self { line, clients: plan.clients, commands }
    }
}

impl Observer for ReportingObserver<'_> {
    fn connected(&mut self, ready: usize, took: Duration) {
        self.line.send(&LoadEvent::Connected { at: Timestamp::now(), ready, wanted: self.clients, took });
    }

    fn second(&mut self, progress: &Progress, lanes: &[Lane]) {
        self.line.send(&LoadEvent::SecondEnded { progress, lanes, commands: &self.commands });
    }
}

/// Sees nothing: for writing and deleting keys, which are no part of the measurement.
pub(super) struct SilentObserver;

impl Observer for SilentObserver {
    fn connected(&mut self, _ready: usize, _took: Duration) {}
    fn second(&mut self, _progress: &Progress, _lanes: &[Lane]) {}
}
