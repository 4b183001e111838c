//! Runs of load with events on a cluster that the test knows and that goes on to run, so that rct restores it.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use harness::record::{ExitStatus, LoadEvent, LoadEventLine, LoadRecord, LoadReporter, ReportError, TargetRecord};
use harness::report::load::LoadFolder;
use harness::runner::interrupt::Interrupt;
use harness::runner::load::{LoadRun, LoadRunError, LoadSettings, Together};
use harness::runner::settle::Baseline;
use loadgen::keys::Distribution;
use loadgen::read_back::Copies;
use loadgen::schedule::Arrivals;
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, Pace, ReadFrom, Retry, Routing, Share, Until};
use suites::{LiveCluster, Server};
use targets::{BringUp, Lease, Target, TargetError};
use wire::Protocol;

/// A run of load with events.
pub(crate) struct Faulted<'a> {
    /// The planned operations per second, half of them reads and half of them writes.
    pub(crate) rate_per_s: f64,
    /// How long it plans operations.
    pub(crate) run: Duration,
    /// The events.
    pub(crate) faults: &'a [&'a str],
    /// The folder for the reports, if rct is to verify the writes.
    pub(crate) verified_into: Option<&'a Path>,
}

impl Faulted<'_> {
    /// Runs it on a cluster, and returns the record. Afterwards the cluster goes on to run.
    pub(crate) async fn load(&self, live: &Rc<LiveCluster>) -> Result<LoadRecord, LoadRunError> {
        let target = Borrowed(Rc::clone(live));
        let last = Rc::new(RefCell::new(None));
        let mut reporters: Vec<Box<dyn LoadReporter>> = vec![Box::new(Last(Rc::clone(&last)))];
        if let Some(folder) = self.verified_into {
            reporters.push(Box::new(LoadFolder::new(folder.to_owned())));
        }
        let record = LoadRecord::new(jiff::Timestamp::now(), 42, TargetRecord::default());
        let line = LoadEventLine::new(record, reporters);
        let (settings, gates, interrupt) = (self.settings(), Vec::new(), Interrupt::new());
        let lease = target.lease();
        let status = LoadRun { target: &target, settings, gates, interrupt, line, results: None }.run(lease).await?;
        assert_eq!(status, ExitStatus::Success);
        Ok(last.take().expect("the run has finished"))
    }

    fn settings(&self) -> LoadSettings {
        let workload = Workload::mix("GET:1,SET:1", "", 1_000, Distribution::Uniform, Sizes::Fixed(64)).unwrap();
        let is_verified = self.verified_into.is_some();
        let workload = if is_verified { workload.verified(false).unwrap() } else { workload };
        LoadSettings {
            verify: is_verified.then_some(Copies::Primaries),
            workload: Arc::new(workload),
            preload: true,
            clients: 30,
            threads: None,
            pipeline: 1,
            pace: Pace::Open { rates_per_s: vec![self.rate_per_s], arrivals: Arrivals::Constant, ramp: Duration::ZERO },
            until: Until::Elapsed(self.run),
            warmup: Duration::ZERO,
            timeout: Duration::from_secs(2),
            retry: Retry::Redirects,
            read_from: ReadFrom::Primary,
            routing: Routing::Slots,
            engine: EngineChoice::Auto,
            protocol: Protocol::Resp2,
            faults: self.faults.iter().map(|text| text.parse().unwrap()).collect(),
            seed: 42,
            share: Share::WHOLE,
            together: Together::alone(),
        }
    }
}

/// Runs load with each event, for so many seconds, and makes sure that the cluster is as before afterwards.
pub(crate) async fn perform_each(live: &Rc<LiveCluster>, rate_per_s: f64, events: &[(&str, u64)]) {
    let before = Baseline::of(live).await.unwrap();
    for (fault, run_s) in events {
        let (run, faults) = (Duration::from_secs(*run_s), &[*fault]);
        let record = Faulted { rate_per_s, run, faults, verified_into: None }.load(live).await;
        let record = record.unwrap_or_else(|error| panic!("{fault}: {error}"));
        let event = &record.events[0];
        assert_eq!(event.problem, None, "{fault}");
        assert!(event.began_s.is_some() && event.ended_s.is_some(), "{fault}: {event:#?}");
        assert_eq!(Baseline::of(live).await.unwrap(), before, "{fault}");
    }
}

/// A cluster that goes on to run, so that rct restores it.
struct Borrowed(Rc<LiveCluster>);

impl Borrowed {
    fn lease(&self) -> Lease {
        Lease::new(Rc::clone(&self.0), || Box::pin(async {}))
    }
}

impl Target for Borrowed {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn brings_up_more(&self) -> bool {
        false
    }

    fn server(&self) -> Option<Server> {
        None
    }

    fn bring_up<'a>(&'a self, _request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(async { Ok(self.lease()) })
    }
}

/// Keeps the record of a run that has finished.
struct Last(Rc<RefCell<Option<LoadRecord>>>);

impl LoadReporter for Last {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        if matches!(event, LoadEvent::RunFinished) {
            self.0.replace(Some(record.clone()));
        }
        Ok(())
    }
}
