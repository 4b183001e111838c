//! Conducts a run: connects, starts all workers at one instant, watches them, and sums up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, sleep_until};

use crate::engine::{Clock, Engine, Link, OPEN_REQUESTS_MAX, OpenRequest, keep_opening};
use crate::error::LoadError;
use crate::layout::Layout;
use crate::plan::{CLIENTS_MAX, LoadPlan, PIPELINE_MAX, Routing, THREADS_MAX};
use crate::recorder::{Interval, Lane, SlotCounts};
use crate::report::{LoadReport, Surroundings, report};
use crate::scout;
use crate::timeline::{Timeline, Window};
use crate::worker::Worker;

pub use crate::engine::StopSignal;

/// How long all sockets together may take to connect; then the run begins with those that are ready.
pub const CONNECT_ALL_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked whether all sockets are ready.
const CONNECT_LOOK_EVERY: Duration = Duration::from_millis(2);
/// From the order to start until the start.
const START_IN: Duration = Duration::from_millis(15);
/// The intervals that may wait to be summed up.
const INTERVALS_WAITING: usize = 256;

/// Sees a run as it goes.
pub trait Observer {
    /// The sockets are ready and the run begins.
    fn connected(&mut self, ready: usize, took: Duration);
    /// A second is over.
    fn window(&mut self, window: &Window, lanes: &[Lane]);
}

/// Finds the cluster's layout: what a run begins with, and what limits are checked against.
///
/// # Errors
///
/// [`LoadError`] if no node tells which slots it serves.
pub async fn layout(plan: &LoadPlan) -> Result<Layout, LoadError> {
    match plan.routing {
        Routing::Slots => scout::first_layout(plan).await,
        Routing::Redirect => Ok(Layout::of_nodes(&plan.seeds)),
    }
}

/// Carries out a plan. It runs on a current-thread runtime of tokio; the workers have threads of their own.
///
/// # Errors
///
/// [`LoadError`] if the run cannot begin. Nothing that happens later ends it before its time, but `stop`.
pub async fn run(
    plan: &Arc<LoadPlan>,
    layout: Layout,
    stop: &StopSignal,
    observer: &mut dyn Observer,
) -> Result<LoadReport, LoadError> {
    check(plan, &layout)?;
    let engine = Engine::of(plan)?;
    let layout = Arc::new(layout);
    let clock = Clock::start();
    let (layouts, layouts_seen) = watch::channel(Arc::clone(&layout));
    let (start, start_seen) = watch::channel(None);
    let (intervals, mut intervals_seen) = mpsc::channel(INTERVALS_WAITING);
    let refresh = Arc::new(Notify::new());
    let ready = Arc::new(AtomicUsize::new(0));
    let link = Link {
        clock,
        layouts: layouts_seen,
        start: start_seen,
        intervals,
        refresh: Arc::clone(&refresh),
        stop: stop.clone(),
        ready: Arc::clone(&ready),
    };
    let (requests, requests_seen) = mpsc::channel(OPEN_REQUESTS_MAX);
    let threads = spawn(plan, engine, &layout, link, requests)?;
    let watching = async {
        let connect_s = connect(plan, &ready, stop, clock, observer).await?;
        let start_ns = clock.now_ns() + START_IN.as_nanos() as u64;
        start.send_replace(Some(start_ns));
        Ok((sum_up(plan, clock, start_ns, &mut intervals_seen, observer).await?, connect_s))
    };
    let outcome: Result<(Sums, f64), LoadError> = tokio::select! {
        outcome = watching => outcome,
        () = scout::keep_looking(plan, &refresh, &layouts) => unreachable!("the search for layouts has no end"),
        () = keep_opening(requests_seen, plan.connect_timeout) => unreachable!("requests are awaited until the end"),
    };
    if outcome.is_err() {
        stop.raise();
    }
    // The workers may still have something to say, to nobody.
    intervals_seen.close();
    let slots = join(threads)?;
    let (sums, connect_s) = outcome?;
    let last = layouts.borrow().clone();
    let around = Surroundings {
        measured_s: sums.measured_s,
        cpu_s: sums.cpu_s,
        memory_mb: memory_mb()?,
        connect_s,
        is_interrupted: stop.is_raised(),
        engine: engine.name(),
    };
    Ok(report(plan, &last, sums.timeline.totals, &slots, &around))
}

fn check(plan: &LoadPlan, layout: &Layout) -> Result<(), LoadError> {
    let refuse = |text: String| Err(LoadError::Plan(text));
    let used =
        layout.nodes.iter().filter(|node| node.primary.is_none() || plan.read_from != crate::plan::ReadFrom::Primary);
    let least = used.count() * plan.threads;
    if plan.threads == 0 || plan.threads > THREADS_MAX {
        return refuse(format!("use {} threads: expected 1 to {THREADS_MAX}", plan.threads));
    }
    if plan.clients > CLIENTS_MAX {
        return refuse(format!("use {} clients: expected at most {CLIENTS_MAX}", plan.clients));
    }
    if plan.clients < least {
        return refuse(format!(
            "spread {} clients over {} nodes by {} threads: a client is one socket to one node, so at least {least} are needed",
            plan.clients,
            least / plan.threads,
            plan.threads
        ));
    }
    if plan.pipeline == 0 || plan.pipeline > PIPELINE_MAX {
        return refuse(format!("use a pipeline of {}: expected 1 to {PIPELINE_MAX}", plan.pipeline));
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
        let slots = thread.join().map_err(|_| std::io::Error::other("a worker panicked"))??;
        sum.resize(slots.len(), SlotCounts::default());
        for (sum, more) in sum.iter_mut().zip(slots) {
            sum.ok += more.ok;
            sum.redirects += more.redirects;
            sum.errors += more.errors;
        }
    }
    Ok(sum)
}

/// Waits until all sockets are ready, or some are and the limit is over.
async fn connect(
    plan: &LoadPlan,
    ready: &AtomicUsize,
    stop: &StopSignal,
    clock: Clock,
    observer: &mut dyn Observer,
) -> Result<f64, LoadError> {
    let began = Instant::now();
    loop {
        let count = ready.load(Ordering::Relaxed);
        let is_late = began.elapsed() > CONNECT_ALL_LIMIT;
        if count >= plan.clients || stop.is_raised() || (is_late && count > 0) {
            observer.connected(count, Duration::from_nanos(clock.now_ns()));
            return Ok((began.elapsed().as_secs_f64() * 1e3).round() / 1e3);
        }
        if is_late {
            let reason = "look whether the nodes are up and let in this user".to_owned();
            return Err(LoadError::NoSockets { limit_s: CONNECT_ALL_LIMIT.as_secs_f64(), reason });
        }
        sleep(CONNECT_LOOK_EVERY).await;
    }
}

/// What was summed up over a run.
struct Sums {
    timeline: Timeline,
    measured_s: f64,
    cpu_s: f64,
}

async fn sum_up(
    plan: &LoadPlan,
    clock: Clock,
    start_ns: u64,
    intervals: &mut mpsc::Receiver<Interval>,
    observer: &mut dyn Observer,
) -> Result<Sums, LoadError> {
    let parts = plan.parts();
    let mut timeline = Timeline::new(parts, plan.threads, start_ns);
    let measuring = sleep_until(clock.instant(start_ns + parts.measured_from_ns).into());
    tokio::pin!(measuring);
    let mut cpu_before = None;
    loop {
        tokio::select! {
            () = &mut measuring, if cpu_before.is_none() => cpu_before = Some(cpu()?),
            interval = intervals.recv() => match interval {
                None => break,
                Some(interval) => {
                    if let Some((window, lanes)) = timeline.add(interval) {
                        observer.window(&window, &lanes);
                    }
                }
            },
        }
    }
    let cpu_s = match cpu_before {
        Some(before) => cpu()?.saturating_sub(before).as_secs_f64(),
        None => 0.0,
    };
    for (window, lanes) in timeline.close_rest() {
        observer.window(&window, &lanes);
    }
    let ended_ns = timeline.totals.last_ns.saturating_sub(parts.measured_from_ns);
    let planned_ns = parts.end_ns() - parts.measured_from_ns;
    Ok(Sums { timeline, measured_s: (ended_ns.min(planned_ns) as f64 / 1e6).round() / 1e3, cpu_s })
}

/// User and system time of this process so far.
fn cpu() -> Result<Duration, LoadError> {
    let usage = usage()?;
    let seconds = |time: nix::sys::time::TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// The most memory that this process had, in MB.
fn memory_mb() -> Result<f64, LoadError> {
    Ok((usage()?.max_rss() as f64 / 1024.0 * 10.0).round() / 10.0)
}

fn usage() -> Result<Usage, LoadError> {
    getrusage(UsageWho::RUSAGE_SELF).map_err(|error| LoadError::System(error.into()))
}
