//! Conducts a run: connects, starts all workers at one instant, watches them, and sums up their results.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;

use crate::attendant::Attendant;
use crate::engine::{Clock, Engine, Link, OPEN_REQUESTS_MAX, OpenRequest};
use crate::error::LoadError;
use crate::layout::{Layout, LayoutNode};
use crate::observer::Observer;
use crate::outline::{Outline, SeenNode};
use crate::plan::{CLIENTS_MAX, LoadPlan, PIPELINE_MAX, Routing, THREADS_MAX};
use crate::recorder::SlotCounts;
use crate::report::{LoadReport, Surroundings, report};
use crate::scout;
use crate::shards::Shards;
use crate::summary::{Summary, memory_mb, sum_up};
use crate::worker::Worker;

pub use crate::engine::StopSignal;

/// How long all clients together may take to connect. After that, the run starts with those that are connected.
pub const CONNECT_ALL_LIMIT: Duration = Duration::from_secs(10);
/// How often rct checks whether all clients are connected.
const CONNECT_POLL_EVERY: Duration = Duration::from_millis(2);
/// How long before the start the workers learn when it is.
const START_IN: Duration = Duration::from_millis(15);
/// How many intervals may wait to be summed up.
const INTERVALS_WAITING: usize = 256;

/// Finds the layout of the cluster, with which a run starts and which [`crate::limits::check`] needs.
///
/// # Errors
///
/// [`LoadError`] if no node says which node serves which slot.
pub async fn layout(plan: &LoadPlan) -> Result<Layout, LoadError> {
    match plan.routing {
        Routing::Slots => scout::first_layout(plan).await,
        Routing::Redirect => Ok(Layout::of_nodes(&plan.seeds)),
        Routing::Standalone => match plan.seeds.first() {
            Some(address) => Ok(Layout::standalone(address)),
            None => Err(LoadError::Plan("cannot load a server without an address; name one".to_owned())),
        },
    }
}

/// Runs a plan. The caller's tokio runtime conducts the run, and the workers have their own threads.
///
/// # Errors
///
/// [`LoadError`] if the run cannot start. Once it has started, only `stop` ends it early.
pub async fn run(
    plan: &Arc<LoadPlan>,
    layout: Layout,
    stop: &StopSignal,
    observer: &mut dyn Observer,
) -> Result<LoadReport, LoadError> {
    run_from(plan, layout, stop, observer, async { Ok(None) }).await
}

/// Runs a plan as [`run`] does, from the instant that `start` gives once all clients are connected; `None` is now.
///
/// # Errors
///
/// As [`run`], and the error of `start`.
pub async fn run_from(
    plan: &Arc<LoadPlan>,
    layout: Layout,
    stop: &StopSignal,
    observer: &mut dyn Observer,
    start_at: impl Future<Output = Result<Option<Instant>, LoadError>>,
) -> Result<LoadReport, LoadError> {
    check(plan)?;
    let sockets = plan.sockets(&layout);
    let engine = Engine::of(plan, sockets)?;
    let layout = Arc::new(layout);
    let shards = Arc::new(Shards::of(&layout));
    let watched = if plan.finds_stalls { shards.ranges().to_vec() } else { Vec::new() };
    let outline = Outline::of(plan, watched);
    let clock = Clock::start();
    if let Some(ledger) = &plan.workload.ledger {
        ledger.set_clock(clock.instant(0));
    }
    let (layouts, layouts_seen) = watch::channel(Arc::clone(&layout));
    let latest = layouts_seen.clone();
    let (start, start_seen) = watch::channel(None);
    let (intervals, mut intervals_seen) = mpsc::channel(INTERVALS_WAITING);
    let refresh = Arc::new(Notify::new());
    let ready = Arc::new(AtomicUsize::new(0));
    // This run may stop by itself, and the caller's signal may end more than this run.
    let stop = &stop.nested();
    let trouble = Arc::new(OnceLock::new());
    let link = Link {
        trouble: Arc::clone(&trouble),
        clock,
        layouts: layouts_seen,
        start: start_seen,
        intervals,
        refresh: Arc::clone(&refresh),
        stop: stop.clone(),
        ready: Arc::clone(&ready),
    };
    let (requests, requests_seen) = mpsc::channel(OPEN_REQUESTS_MAX);
    let _attendant = Attendant::start(Arc::clone(plan), refresh, layouts, requests_seen)?;
    let threads = spawn(plan, engine, &layout, link, requests)?;
    let watching = async {
        let connect_s = connect(sockets, &ready, &trouble, stop, clock, observer).await?;
        let common = start_at.await?;
        let soonest_ns = clock.now_ns() + START_IN.as_nanos() as u64;
        let start_ns = common.map_or(soonest_ns, |at| clock.ns(at));
        if start_ns < soonest_ns {
            let late_s = (soonest_ns - start_ns) as f64 / 1e9;
            let text =
                format!("this part was ready {late_s:.3} s too late for the common start; choose a later --start-at");
            return Err(LoadError::Start(text));
        }
        start.send_replace(Some(start_ns));
        observer.starts(clock.instant(start_ns));
        if let Some(ledger) = &plan.workload.ledger {
            ledger.set_start(start_ns);
        }
        observer.begins(start_ns, &outline);
        Ok((sum_up(&outline, clock, start_ns, &mut intervals_seen, stop, observer).await?, connect_s))
    };
    let outcome: Result<(Summary, f64), LoadError> = watching.await;
    if outcome.is_err() {
        stop.raise();
    }
    // Workers may still send intervals, which nobody needs.
    intervals_seen.close();
    let slots = join(threads)?;
    let (summary, connect_s) = outcome?;
    let last = latest.borrow().clone();
    let around = Surroundings {
        measured_s: summary.sums.measured_s(),
        cpu_s: summary.cpu_s,
        memory_mb: memory_mb()?,
        sockets,
        connect_s,
        is_interrupted: stop.is_raised(),
        stopped_after_s: summary.stopped_after_s,
        engine: engine.name().to_owned(),
    };
    let (totals, stalls) = summary.sums.finish();
    let mut report = report(&outline, &seen_nodes(&last), totals, &slots, &around);
    report.stalls = stalls;
    report.verify = plan.workload.ledger.as_ref().map(|ledger| ledger.report());
    report.wait = plan.workload.waits.as_ref().map(|waits| waits.report());
    Ok(report)
}

fn check(plan: &LoadPlan) -> Result<(), LoadError> {
    let refuse = |text: String| Err(LoadError::Plan(text));
    if plan.threads == 0 || plan.threads > THREADS_MAX {
        return refuse(format!("cannot run {} threads; use --threads 1 to {THREADS_MAX}", plan.threads));
    }
    if plan.clients > CLIENTS_MAX {
        return refuse(format!("cannot run {} clients; use --clients {CLIENTS_MAX} or fewer", plan.clients));
    }
    if plan.pipeline == 0 || plan.pipeline > PIPELINE_MAX {
        return refuse(format!("cannot run a pipeline of {}; use --pipeline 1 to {PIPELINE_MAX}", plan.pipeline));
    }
    if plan.clients < plan.threads {
        let clients = if plan.clients == 1 { "1 client" } else { &format!("{} clients", plan.clients) };
        return refuse(format!(
            "cannot divide {clients} among {} threads; use --threads {} or fewer",
            plan.threads,
            plan.clients.max(1)
        ));
    }
    Ok(())
}

type Threads = Vec<JoinHandle<std::io::Result<Vec<SlotCounts>>>>;

fn spawn(
    plan: &Arc<LoadPlan>,
    engine: Engine,
    layout: &Layout,
    link: Link,
    requests: mpsc::Sender<OpenRequest>,
) -> Result<Threads, LoadError> {
    let mut threads = Vec::with_capacity(plan.threads);
    for index in 0..plan.threads {
        let (link, layout, plan, requests) = (link.clone(), layout.clone(), Arc::clone(plan), requests.clone());
        let drive = move || {
            let (tls, limit) = (plan.access.tls.clone(), plan.connect_timeout);
            engine.run(Worker::new(plan, index, &layout), link, requests, tls, limit)
        };
        threads.push(thread::Builder::new().name(format!("load-{index}")).spawn(drive)?);
    }
    Ok(threads)
}

fn join(threads: Threads) -> Result<Vec<SlotCounts>, LoadError> {
    let mut sum: Vec<SlotCounts> = Vec::new();
    for thread in threads {
        let slots = thread.join().map_err(|_| std::io::Error::other("a worker thread panicked"))??;
        sum.resize(slots.len(), SlotCounts::default());
        for (sum, more) in sum.iter_mut().zip(slots) {
            sum.ok += more.ok;
            sum.redirects += more.redirects;
            sum.errors += more.errors;
        }
    }
    Ok(sum)
}

/// Waits until all clients are connected, or until the limit has passed and some are. Returns the seconds it took.
async fn connect(
    sockets: usize,
    ready: &AtomicUsize,
    trouble: &OnceLock<String>,
    stop: &StopSignal,
    clock: Clock,
    observer: &mut dyn Observer,
) -> Result<f64, LoadError> {
    let began = Instant::now();
    loop {
        let count = ready.load(Ordering::Relaxed);
        let is_late = began.elapsed() > CONNECT_ALL_LIMIT;
        if count >= sockets || stop.is_raised() || (is_late && count > 0) {
            observer.connected(count, Duration::from_nanos(clock.now_ns()));
            return Ok((began.elapsed().as_secs_f64() * 1e3).round() / 1e3);
        }
        if is_late {
            let hint = trouble.get().cloned();
            let hint = hint.unwrap_or_else(|| "check that the nodes are up and let this user in".to_owned());
            return Err(LoadError::NoSockets { limit_s: CONNECT_ALL_LIMIT.as_secs_f64(), hint });
        }
        sleep(CONNECT_POLL_EVERY).await;
    }
}

/// The nodes of a layout, as a report names them.
fn seen_nodes(layout: &Layout) -> Vec<SeenNode> {
    let seen = |node: &LayoutNode| SeenNode {
        address: node.address.to_string(),
        id: node.id.map(|id| id.to_string()),
        role: if node.primary.is_some() { "replica" } else { "primary" }.to_owned(),
    };
    layout.nodes.iter().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use wire::{Access, Address, Protocol};

    use super::*;
    use crate::keys::Distribution;
    use crate::plan::{EngineChoice, Pace, ReadFrom, Retry, Until};
    use crate::share::Share;
    use crate::workload::{Sizes, Workload};

    /// What a run of this many clients and threads on three primaries says about its plan.
    fn refusal(clients: usize, threads: usize, pipeline: usize) -> Option<String> {
        let addresses = [1, 2, 3].map(|port| Address::new("a", port));
        let plan = LoadPlan {
            seeds: addresses.to_vec(),
            access: Access::default(),
            protocol: Protocol::Resp2,
            map: Arc::new(HashMap::new()),
            workload: Arc::new(Workload::mix("GET", "", 1, Distribution::Uniform, Sizes::Fixed(1)).unwrap()),
            clients,
            threads,
            pipeline,
            pace: Pace::Closed,
            until: Until::Operations(1),
            warmup: Duration::ZERO,
            timeout: Duration::ZERO,
            connect_timeout: Duration::ZERO,
            retry: Retry::None,
            read_from: ReadFrom::Primary,
            routing: Routing::Redirect,
            engine: EngineChoice::Tokio,
            finds_stalls: false,
            seed: 1,
            share: Share::WHOLE,
        };
        check(&plan).err().map(|error| error.to_string())
    }

    #[test]
    fn an_impossible_plan_is_refused_with_the_option_to_change() {
        for (clients, threads, pipeline, expected) in [
            (1, 2, 1, "cannot divide 1 client among 2 threads; use --threads 1 or fewer"),
            (5, 6, 1, "cannot divide 5 clients among 6 threads; use --threads 5 or fewer"),
            (3, 0, 1, "cannot run 0 threads; use --threads 1 to 256"),
            (100_001, 1, 1, "cannot run 100001 clients; use --clients 100000 or fewer"),
            (3, 1, 0, "cannot run a pipeline of 0; use --pipeline 1 to 10000"),
        ] {
            assert_eq!(refusal(clients, threads, pipeline).as_deref(), Some(expected));
        }
        assert_eq!((refusal(1, 1, 1), refusal(3, 3, 1)), (None, None));
    }
}
