//! What the tests of load share: a cluster of local servers, and plans for it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadgen::keys::Distribution;
use loadgen::recorder::Lane;
use loadgen::schedule::Arrivals;
use loadgen::timeline::Progress;
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, LoadPlan, LoadReport, Observer, Pace, ReadFrom, Retry, Routing, Share, StopSignal, Until};
use suites::{LiveCluster, Shape};
use targets::{BringUp, Lease, Target};
use targets::{LocalOptions, LocalTarget};
use tokio::task::LocalSet;
use wire::{Address, Command, Connection, Protocol, Reply};

use crate::servers::server;

/// Runs a test on a cluster of local servers.
pub(crate) fn on_cluster(node_timeout_ms: u64, test: impl AsyncFnOnce(Rc<LiveCluster>)) {
    let server = server("redis-7.0");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let rct = Some(env!("CARGO_BIN_EXE_rct").into());
        let options = LocalOptions { server: Some(server), rct, ..LocalOptions::default() };
        let target = LocalTarget::open(options).await.unwrap();
        let request = BringUp {
            shape: Shape::new(3, 1),
            node_timeout: Duration::from_millis(node_timeout_ms),
            ..BringUp::default()
        };
        let lease: Lease = target.bring_up(&request).await.unwrap();
        test(Rc::clone(&lease.live)).await;
        lease.shut_down().await;
    });
}

/// A closed-loop plan for a cluster: 30 clients, 1,000 keys.
pub(crate) fn plan(live: &LiveCluster, mix: &str) -> LoadPlan {
    let workload = Workload::mix(mix, "", 1_000, Distribution::Uniform, Sizes::Fixed(64)).unwrap();
    LoadPlan {
        seeds: live.topology().nodes.iter().map(|node| live.map.reachable(&node.address)).collect(),
        access: live.access.clone(),
        protocol: Protocol::Resp2,
        map: Arc::default(),
        workload: Arc::new(workload),
        clients: 30,
        threads: 1,
        pipeline: 1,
        pace: Pace::Closed,
        until: Until::Operations(10_000),
        warmup: Duration::ZERO,
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        retry: Retry::Redirects,
        read_from: ReadFrom::Primary,
        routing: Routing::Slots,
        engine: EngineChoice::Auto,
        finds_stalls: false,
        seed: 42,
        share: Share::WHOLE,
    }
}

/// An open loop at a constant rate.
pub(crate) fn at_rate(rate_per_s: f64) -> Pace {
    Pace::Open { rates_per_s: vec![rate_per_s], arrivals: Arrivals::Constant, ramp: Duration::ZERO }
}

/// Runs a plan and returns its report.
pub(crate) async fn load(plan: LoadPlan, stop: &StopSignal) -> LoadReport {
    load_watched(plan, stop, Unwatched).await
}

/// Carries out a plan for an observer, and gives its report.
pub(crate) async fn load_watched(plan: LoadPlan, stop: &StopSignal, mut observer: impl Observer) -> LoadReport {
    let layout = loadgen::layout(&plan).await.unwrap();
    loadgen::run(&Arc::new(plan), layout, stop, &mut observer).await.unwrap()
}

struct Unwatched;

impl Observer for Unwatched {
    fn connected(&mut self, _ready: usize, _took: Duration) {}
    fn second(&mut self, _progress: &Progress, _lanes: &[Lane]) {}
}

/// Sends a command to a node on a new connection.
pub(crate) async fn ask(live: &LiveCluster, address: &Address, command: &Command) -> Reply {
    Connection::open(&live.options(address)).await.unwrap().call(command).await.unwrap()
}
