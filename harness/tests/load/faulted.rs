//! What the tests of faults share: a run of load with events on a cluster that the test knows.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use harness::record::{ExitStatus, LoadEvent, LoadEventLine, LoadRecord, LoadReporter, ReportError, TargetRecord};
use harness::runner::interrupt::Interrupt;
use harness::runner::load::{LoadRun, LoadRunError, LoadSettings};
use loadgen::keys::Distribution;
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, ReadFrom, Retry, Routing, Until};
use suites::{LiveCluster, Server, Shape};
use targets::{BringUp, Lease, LocalOptions, LocalTarget, Target, TargetError};
use tokio::task::LocalSet;
use wire::Protocol;

use super::common::at_rate;

/// Runs a test on a cluster of local servers with these settings.
pub(crate) fn on_cluster_of(server: &Path, request: &BringUp, test: impl AsyncFnOnce(Rc<LiveCluster>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let rct = Some(env!("CARGO_BIN_EXE_rct").into());
        let options = LocalOptions { server: Some(server.to_owned()), rct, ..LocalOptions::default() };
        let target = LocalTarget::open(options).await.unwrap();
        let lease = target.bring_up(request).await.unwrap();
        test(Rc::clone(&lease.live)).await;
        lease.shut_down().await;
    });
}

/// A request for three primaries with a replica each.
pub(crate) fn request(node_timeout_ms: u64, full_coverage: &str) -> BringUp {
    BringUp {
        shape: Shape::new(3, 1),
        node_timeout: Duration::from_millis(node_timeout_ms),
        settings: vec![("cluster-require-full-coverage".to_owned(), full_coverage.to_owned())],
        ..BringUp::default()
    }
}

/// Runs load with events on a cluster, and returns the record. Afterwards the cluster goes on to run.
pub(crate) async fn load(
    live: &Rc<LiveCluster>,
    rate_per_s: f64,
    run: Duration,
    faults: &[&str],
) -> Result<LoadRecord, LoadRunError> {
    let workload = Workload::mix("GET:1,SET:1", "", 1_000, Distribution::Uniform, Sizes::Fixed(64)).unwrap();
    let settings = LoadSettings {
        verify: None,
        workload: Arc::new(workload),
        preload: true,
        clients: 30,
        threads: None,
        pipeline: 1,
        pace: at_rate(rate_per_s),
        until: Until::Elapsed(run),
        warmup: Duration::ZERO,
        timeout: Duration::from_secs(2),
        retry: Retry::Redirects,
        read_from: ReadFrom::Primary,
        routing: Routing::Slots,
        engine: EngineChoice::Auto,
        protocol: Protocol::Resp2,
        faults: faults.iter().map(|text| text.parse().unwrap()).collect(),
        seed: 42,
    };
    let target = Borrowed(Rc::clone(live));
    let last = Rc::new(RefCell::new(None));
    let record = LoadRecord::new(jiff::Timestamp::now(), 42, TargetRecord::default());
    let line = LoadEventLine::new(record, vec![Box::new(Last(Rc::clone(&last)))]);
    let (gates, interrupt) = (Vec::new(), Interrupt::new());
    let lease = target.lease();
    let status = LoadRun { target: &target, settings, gates, interrupt, line }.run(lease).await?;
    assert_eq!(status, ExitStatus::Success);
    Ok(last.take().expect("the run has finished"))
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
