//! A lane: one cluster behind a proxy at a time, on which checks run while the proxy is in some mode.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use defects::{Mode, Proxy};
use futures_util::future::join_all;
use harness::record::EventLine;
use harness::record::{Record, TargetRecord, Verdict};
use harness::runner::execute::{Context, execute};
use harness::runner::interrupt::Interrupt;
use harness::runner::plan::obstacle;
use harness::runner::settle::{Baseline, fit_again, is_alive};
use suites::{Check, Limits, LiveCluster, Need, Shape};
use targets::LocalTarget;
use targets::{BringUp, Lease};
use wire::{Topology, command};

use super::server_run::Ended;

/// The cluster for checks that disturb nobody, as `rct conform` brings it up.
const SHARED: (Shape, Duration) = (Shape::new(3, 1), Duration::from_secs(5));
/// The node timeout for the others.
const ALONE: Duration = Duration::from_secs(1);
/// How long a cluster may take to be fit again before it is thrown away.
const FIT_AGAIN: Duration = Duration::from_secs(2);
/// The seed of all checks, so that they draw the same with every defect.
const SEED: u64 = 5;

pub(crate) struct Lane<'a> {
    target: &'a LocalTarget,
    kept: Option<Kept>,
}

struct Kept {
    lease: Lease,
    proxy: Rc<Proxy>,
    is_shared: bool,
    /// Lies tell nodes apart by the roles in which they began, and checks draw nodes in the order in which they stand here.
    topology: Rc<Topology>,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(target: &'a LocalTarget) -> Self {
        Self { target, kept: None }
    }

    /// Whether the cluster that the lane has will do for a check.
    pub(crate) fn suits(&self, check: &Check) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.suits(check))
    }

    /// Runs checks side by side while the proxy is in a mode; gives how they ended, and what the proxy noted.
    pub(crate) async fn run(&mut self, checks: &[Rc<Check>], mode: Mode) -> (Vec<Ended>, BTreeSet<&'static str>) {
        let kept = self.cluster_for(&checks[0]).await;
        kept.proxy.switch(mode);
        // The proxy may have lied about what is read once, such as the table of commands.
        let mut live = kept.lease.live.afresh();
        if matches!(mode, Mode::Defective(_)) {
            live.limits = hurried(live.limits);
        }
        let live = Rc::new(live);
        let ended = join_all(checks.iter().map(|check| judge(check, &live))).await;
        let noted = kept.proxy.noted();
        kept.proxy.switch(Mode::Honest);
        if !kept.is_fit_again(checks).await {
            self.drop_cluster().await;
        }
        (ended, noted)
    }

    pub(crate) async fn drop_cluster(&mut self) {
        if let Some(kept) = self.kept.take() {
            kept.lease.shut_down().await;
        }
    }

    async fn cluster_for(&mut self, check: &Check) -> &Kept {
        if !self.suits(check) {
            self.drop_cluster().await;
            let is_shared = !check.disturbs();
            let (shape, node_timeout) = if is_shared { SHARED } else { (check.shape, ALONE) };
            let request = BringUp { shape, node_timeout, is_calm: is_shared, ..BringUp::default() };
            let (lease, proxy) = self.target.bring_up_proxied(&request).await.unwrap();
            let topology = lease.live.topology();
            self.kept = Some(Kept { lease, proxy: proxy.unwrap(), is_shared, topology });
        }
        self.kept.as_ref().unwrap()
    }
}

impl Kept {
    /// Always the shape that the check asks for, so that it sees the same with every defect.
    fn suits(&self, check: &Check) -> bool {
        if check.disturbs() { !self.is_shared && self.lease.live.shape == check.shape } else { self.is_shared }
    }

    async fn is_fit_again(&self, checks: &[Rc<Check>]) -> bool {
        // What might leave a defective server broken is not trusted to have left it whole.
        if checks.iter().any(|check| check.needs.contains(&Need::RiskNode)) {
            return false;
        }
        let live = &self.lease.live;
        // A dead node does not come back, whatever the limit.
        if !is_alive(live).await {
            return false;
        }
        for node in live.topology().nodes.iter().filter(|node| node.primary.is_none()) {
            // A check that was lied to cannot always take its keys away. What refuses is not fit.
            let _flushed = live.ask(node, &command!["FLUSHALL"]).await;
        }
        let is_fit = fit_again(live, usize::from(live.shape.nodes()), FIT_AGAIN).await.is_ok();
        let is_as_before = Baseline::of_view(&live.topology()) == Baseline::of_view(&self.topology);
        live.set_topology(self.topology.as_ref().clone());
        is_fit && is_as_before
    }
}

/// Half of the limits: a check that waits for what never comes is to give up soon, and what does come takes much less. Not
/// of that on a restart: how long a server needs for one is the machine's doing, whatever the proxy says.
fn hurried(limits: Limits) -> Limits {
    Limits {
        reply: limits.reply / 2,
        converge: limits.converge / 2,
        replicate: limits.replicate / 2,
        failover: limits.failover / 2,
        ..limits
    }
}

async fn judge(check: &Rc<Check>, live: &Rc<LiveCluster>) -> Ended {
    let began = Instant::now();
    if let Some(why) = obstacle(check, live, true).await {
        return Ended { verdict: Verdict::Skip, why, took: began.elapsed() };
    }
    let record = execute(check, live, &context()).await.unwrap().record;
    let why = match (record.failure, record.reason) {
        (Some(failure), _) => format!(
            "{} {}: expected {}, received {}",
            failure.sent.unwrap_or_default(),
            failure.step.unwrap_or_default(),
            failure.expected,
            failure.received
        ),
        (None, reason) => reason.unwrap_or_default(),
    };
    Ended { verdict: record.verdict, why: why.chars().take(300).collect(), took: began.elapsed() }
}

/// A run of which nobody hears.
fn context() -> Context {
    let record = Record::conform(jiff::Timestamp::now(), SEED, TargetRecord::default());
    Context {
        line: EventLine::new(record, Vec::new()),
        interrupt: Interrupt::new(),
        known: harness::runner::known::Known::default(),
        revives: false,
        run: "defect".to_owned(),
        seed: SEED,
    }
}
