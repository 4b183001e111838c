//! Runs checks on a cluster whose proxy is in some mode; `harness::runner` keeps the cluster and executes the checks.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use defects::Mode;
use futures_util::future::join_all;
use harness::record::{EventLine, Record, TargetRecord, Verdict};
use harness::runner::execute::Context;
use harness::runner::interrupt::Interrupt;
use harness::runner::kept_cluster::{KeptCluster, Reuse, judge};
use harness::runner::known::Known;
use suites::{Check, Limits, LiveCluster, Need, Shape};
use targets::BringUp;

use super::server_run::Ended;

/// The cluster for checks that disturb nobody, as `rct conform` brings it up.
const SHARED: (Shape, Duration) = (Shape::new(3, 1), Duration::from_secs(5));
/// The node timeout of clusters for the other checks.
const ALONE: Duration = Duration::from_secs(1);
/// The seed of all checks, so that they draw the same under every defect.
const SEED: u64 = 5;

/// When a cluster is used again. A check must see the same under every defect, so its shape and roles are always the same:
/// defects tell nodes apart by the roles in which they began.
pub(crate) const REUSE: Reuse = Reuse { limit: Duration::from_secs(2), may_be_larger: false, is_restored: true };

/// The cluster that a check runs on.
pub(crate) fn request_for(check: &Check) -> BringUp {
    let is_calm = !check.disturbs();
    let (shape, node_timeout) = if is_calm { SHARED } else { (check.shape, ALONE) };
    BringUp { shape, node_timeout, is_calm, tls: check.tls_ports(), ..BringUp::default() }
}

/// A run without reporters.
pub(crate) fn context() -> Context {
    let record = Record::conform(jiff::Timestamp::now(), SEED, TargetRecord::default());
    Context {
        line: EventLine::new(record, Vec::new()),
        interrupt: Interrupt::new(),
        known: Known::default(),
        fail_fast: false,
        revives: false,
        run: "defect".to_owned(),
        seed: SEED,
        protocol: wire::Protocol::Resp2,
    }
}

/// Runs checks side by side while the proxy is in a mode; returns how they ended, and the defects that the proxy noted.
pub(crate) async fn run(
    cluster: &mut KeptCluster<'_>,
    checks: &[Rc<Check>],
    mode: Mode,
) -> (Vec<Ended>, BTreeSet<&'static str>) {
    if let Some(why) = cluster.obstacle_to(&checks[0]).await {
        let skipped = Ended { verdict: Verdict::Skip, why, took: Duration::ZERO };
        return (vec![skipped; checks.len()], BTreeSet::new());
    }
    let lease = cluster.lease_for(&checks[0]).await.unwrap().unwrap();
    let proxy = lease.proxy.clone().unwrap();
    proxy.switch(mode);
    // A defect may have changed what is read only once, such as the table of commands.
    let mut live = lease.live.fresh_copy();
    if matches!(mode, Mode::Defective(_)) {
        live.limits = hurried(live.limits);
    }
    let live = Rc::new(live);
    let ended = join_all(checks.iter().map(|check| end_of(check, &live))).await;
    let noted = proxy.noted();
    proxy.switch(Mode::PassThrough);
    drop((live, proxy));
    // What might leave a defective server broken is not trusted to have left it whole.
    match checks.iter().any(|check| check.needs.contains(&Need::RiskNode)) {
        true => cluster.shut_down().await,
        false => cluster.settle().await,
    }
    (ended, noted)
}

/// Returns half of the limits, except that on a restart, which depends on the machine alone.
///
/// A check gives up sooner on what never comes; what does come takes much less.
fn hurried(limits: Limits) -> Limits {
    Limits {
        reply: limits.reply / 2,
        converge: limits.converge / 2,
        replicate: limits.replicate / 2,
        failover: limits.failover / 2,
        ..limits
    }
}

async fn end_of(check: &Check, live: &Rc<LiveCluster>) -> Ended {
    let began = Instant::now();
    let record = judge(check, live, &context(), true).await.unwrap().record;
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
