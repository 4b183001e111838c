//! Runs one check on a cluster that is up, and turns its outcome into a verdict with evidence.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use suites::environment::limit_shown;
use suites::{Check, Cluster, ClusterSettings, Keys, LiveCluster, Mismatch, Outcome, Stop};

use super::interrupt::Interrupt;
use super::restore::revive;
use crate::record::{CheckRecord, Failure, Measured, Source, Verdict};
use crate::record::{Event, EventLine};
use crate::runner::known::Known;

/// How long cleaning up after a check may take.
const TIDY: Duration = Duration::from_secs(10);

/// What every check of a run shares.
pub struct Context {
    /// Where events go.
    pub line: EventLine,
    /// Raised when the user stops the run.
    pub interrupt: Interrupt,
    /// The failures that are expected.
    pub known: Known,
    /// A short text that keeps this run's keys apart from those of others.
    pub run: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// Whether rct brings back nodes that a check left dead or silent; true for a cluster given by address.
    pub revives: bool,
}

/// A check that ended, not yet reported.
pub struct Finished {
    /// The verdict and its evidence.
    pub record: CheckRecord,
    /// The commands and replies of the check, if it did not pass.
    pub transcript: Option<String>,
}

impl Finished {
    /// Returns whether the harness or the environment failed.
    pub fn is_broken(&self) -> bool {
        self.record.verdict == Verdict::Broken
    }

    /// Reports the check.
    pub fn report(self, line: &EventLine) {
        line.send(Event::CheckFinished { check: Box::new(self.record), transcript: self.transcript });
    }
}

/// Runs a check; returns `None` if the user stopped the run before the check ended.
pub async fn execute(check: &Check, live: &Rc<LiveCluster>, context: &Context) -> Option<Finished> {
    // Before the check can provoke an error; nothing is asked where it is known.
    live.abilities().await;
    context.line.send(Event::CheckStarted { id: check.id.clone() });
    // From the id: a check draws the same whether it runs alone or among others.
    let seed = wire::fingerprint(context.seed, check.id.bytes());
    let keys = Keys::new(&context.run, &check.id.replace('/', "."), (seed % 1_000) as u32);
    let cluster = Cluster::new(ClusterSettings { live: Rc::clone(live), keys, seed });
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = bounded(check, &cluster) => Some(outcome),
        () = context.interrupt.raised() => None,
    };
    let took = started.elapsed();
    // Read before cleaning up, which adds lines.
    let logs = if matches!(outcome, Some(Err(_))) && check.disturbs() { logs(live) } else { String::new() };
    let outcome = match outcome {
        Some(Err(Stop::Mismatch(mismatch))) => Some(Err(trusted(*mismatch, check, &cluster).await)),
        outcome => outcome,
    };
    if context.revives
        && let Err(stop) = revive(live).await
    {
        context.line.send(Event::warning(format!("{}: {stop}", check.id)));
    }
    tidy(&cluster, context).await;
    let outcome = outcome?;
    let transcript =
        (outcome.is_err() && !cluster.transcript().is_empty()).then(|| cluster.transcript().render() + &logs);
    let mut record = record(check, outcome, took, &context.known, live);
    record.measured = cluster.measures().into_iter().map(measured).collect();
    Some(Finished { record, transcript })
}

/// Returns the last lines of every node's log, if the target has logs.
fn logs(live: &LiveCluster) -> String {
    let nodes = live.topology().nodes.iter().map(|node| node.address.clone()).collect::<Vec<_>>();
    let tails = nodes.iter().filter_map(|address| {
        live.control.log_tail(address).map(|log| format!("\n# the last lines of the log of {address}\n{log}\n"))
    });
    tails.collect()
}

/// Returns the record of a check that rct does not run, with the reason.
pub fn skipped(check: &Check, reason: String) -> Finished {
    let record = CheckRecord { reason: Some(reason), ..blank(check, Verdict::Skip, Duration::ZERO) };
    Finished { record, transcript: None }
}

/// Returns the record of a check that rct could not run, with the reason.
pub fn broken(check: &Check, reason: String) -> Finished {
    let record = CheckRecord { reason: Some(reason), ..blank(check, Verdict::Broken, Duration::ZERO) };
    Finished { record, transcript: None }
}

/// Runs a check's body within its limit; a panic is a problem of the harness.
async fn bounded(check: &Check, cluster: &Cluster) -> Outcome {
    let limit = cluster.limits().check;
    match tokio::time::timeout(limit, AssertUnwindSafe(check.perform(cluster)).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(Stop::Broken(format!("the check panicked: {}", message_of(panic.as_ref())))),
        Err(_) => Err(Stop::Broken(format!("the check did not end within {} s", limit.as_secs()))),
    }
}

/// Returns the mismatch; Skip if it comes from a command that the operator took away; Broken if the target rather than
/// the server may have caused it.
async fn trusted(mismatch: Mismatch, check: &Check, cluster: &Cluster) -> Stop {
    // A check that changes settings may have set the limit itself, and the clusters of rct have none.
    let limit = if cluster.live().findings.is_external && !check.disturbs() {
        limit_shown(&mismatch.expected, &mismatch.received)
    } else {
        None
    };
    if let Some(limit) = limit {
        return Stop::Broken(format!("{limit} (received {})", mismatch.received));
    }
    if let Some(stop) = cluster.excuse(&mismatch).await {
        return stop;
    }
    match cluster.target_fault().await {
        Some(fault) => Stop::Broken(format!(
            "expected {}, received {}, but the target may have caused that: {fault}",
            mismatch.expected, mismatch.received
        )),
        None => Stop::Mismatch(Box::new(mismatch)),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Deletes the check's keys and undoes its changes; what goes wrong is shown, and fails nothing.
async fn tidy(cluster: &Cluster, context: &Context) {
    let problem = match tokio::time::timeout(TIDY, cluster.tidy()).await {
        Ok(Ok(())) => return,
        Ok(Err(stop)) => stop.to_string(),
        Err(_) => format!("cleaning up took longer than {} s; keys with this prefix may be left", TIDY.as_secs()),
    };
    context.line.send(Event::Notice(format!("{}: {problem}", cluster.keys().plain())));
}

fn record(check: &Check, outcome: Outcome, took: Duration, known: &Known, live: &LiveCluster) -> CheckRecord {
    let expected = known.find(&check.id, &live.server);
    let (verdict, reason, failure) = match (outcome, expected) {
        (Ok(()), None) => (Verdict::Pass, None, None),
        (Ok(()), Some(entry)) if entry.flaky => (Verdict::Pass, None, None),
        (Ok(()), Some(entry)) => {
            (Verdict::Stale, Some(format!("listed as failing, but passes: {}", entry.reason)), None)
        }
        (Err(Stop::Skip(reason)), _) => (Verdict::Skip, Some(reason), None),
        (Err(Stop::Broken(reason)), _) => (Verdict::Broken, Some(reason), None),
        (Err(Stop::Mismatch(mismatch)), None) => (Verdict::Fail, None, Some(failure(*mismatch))),
        (Err(Stop::Mismatch(mismatch)), Some(entry)) => {
            let verdict = if entry.flaky { Verdict::Flaky } else { Verdict::Known };
            (verdict, Some(entry.reason.clone()), Some(failure(*mismatch)))
        }
    };
    CheckRecord { reason, failure, shape: Some(live.shape.to_string()), ..blank(check, verdict, took) }
}

fn blank(check: &Check, verdict: Verdict, took: Duration) -> CheckRecord {
    CheckRecord {
        id: check.id.clone(),
        suite: check.suite().to_owned(),
        title: check.title.clone(),
        level: check.level,
        verdict,
        duration_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
        reason: None,
        statements: check.statements.clone(),
        spec: Some(check.spec.clone()),
        source: Some(Source { file: check.source.file.display().to_string(), line: check.source.line }),
        shape: None,
        failure: None,
        measured: Vec::new(),
        transcript: None,
    }
}

fn failure(mismatch: Mismatch) -> Failure {
    let Mismatch { step, sent, to, expected, received, note } = mismatch;
    Failure { step, sent, to, expected, received, note }
}

fn measured(measure: suites::cluster::Measure) -> Measured {
    Measured { name: measure.name, value: (measure.milliseconds * 1e3).round() / 1e3, unit: "ms".to_owned() }
}
