//! Runs one check on a cluster that is up, and turns its outcome into a verdict with evidence.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use suites::{Check, Cluster, ClusterSettings, Crash, Keys, LiveCluster, Mismatch, Outcome, OwnChanges, Stop};
use wire::Protocol;

use super::interrupt::Interrupt;
use super::restore::revive;
use super::surroundings::explanation;
use super::upset::{Upset, Watch};
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
    /// The protocol of all connections for which a check names none.
    pub protocol: Protocol,
    /// Whether no check begins any more once one has failed the run.
    pub fail_fast: bool,
    /// Whether rct brings back nodes that a check left dead or silent; true for a cluster given by address.
    pub revives: bool,
}

impl Context {
    /// Returns whether no further check may begin: the user stopped the run, or a failure did.
    pub fn is_over(&self) -> bool {
        self.interrupt.is_raised() || self.stopped_by_failure()
    }

    /// Returns whether a failure ended the run.
    pub fn stopped_by_failure(&self) -> bool {
        self.fail_fast && self.line.has_failed()
    }
}

/// A check that ended, not yet reported.
pub struct Finished {
    /// The verdict and its evidence.
    pub record: CheckRecord,
    /// The commands and replies of the check, if it did not pass.
    pub transcript: Option<String>,
    /// What happened to the cluster meanwhile, besides what the check did.
    pub upset: Option<Upset>,
    /// What the check did to slots, roles and settings.
    pub own: OwnChanges,
}

impl Finished {
    /// Returns whether the harness or the environment failed.
    pub fn is_broken(&self) -> bool {
        self.record.verdict == Verdict::Broken
    }

    /// Returns whether the server broke a rule, listed as known or not.
    pub fn has_failed(&self) -> bool {
        self.record.failure.is_some()
    }

    /// Returns whether a server that rct started crashed while the check ran.
    pub fn has_crashed(&self) -> bool {
        self.crash().is_some()
    }

    /// The crash of a server that rct started, if one crashed while the check ran.
    pub fn crash(&self) -> Option<&Crash> {
        match &self.upset {
            Some(Upset::Crashed(crash)) => Some(crash),
            _ => None,
        }
    }

    /// Returns whether a node crashed or vanished while the check ran.
    pub fn has_lost_a_node(&self) -> bool {
        matches!(self.upset, Some(Upset::Crashed(_) | Upset::Vanished(_)))
    }

    /// Makes the check fail with this evidence, whatever it saw itself.
    pub fn fail(&mut self, mismatch: Mismatch) {
        self.record.verdict = Verdict::Fail;
        self.record.reason = None;
        self.record.failure = Some(failure(mismatch));
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
    let cluster = Cluster::new(ClusterSettings { live: Rc::clone(live), keys, seed })
        .wanting_replicas(check.shape.replicas)
        .speaking(check.protocol.unwrap_or(context.protocol));
    let watch = Watch::begin(live, check.disturbs()).await;
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = bounded(check, &cluster) => Some(outcome),
        () = context.interrupt.raised() => None,
    };
    let took = started.elapsed();
    // Read before cleaning up, which adds lines.
    let logs = if matches!(outcome, Some(Err(_))) && check.disturbs() { logs(live) } else { String::new() };
    let upset = match &outcome {
        Some(outcome) => watch.upset(&cluster, outcome).await,
        None => None,
    };
    let outcome = match (outcome, &upset) {
        (Some(_), Some(Upset::Crashed(crash))) => Some(Err(Stop::Mismatch(Box::new(crash.mismatch())))),
        (Some(Err(stop)), Some(Upset::Vanished(what))) => {
            Some(Err(Stop::broken(format!("{what} while the check ran: {stop}"))))
        }
        (Some(Err(Stop::Mismatch(mismatch))), _) => Some(Err(trusted(*mismatch, &cluster, took).await)),
        (outcome, _) => outcome,
    };
    if matches!(outcome, Some(Err(Stop::Mismatch(_)))) && live.findings.is_external {
        for damage in live.look_for_damage(&check.id).await {
            context.line.send(Event::warning(damage));
        }
    }
    if context.revives
        && let Err(stop) = revive(live).await
    {
        context.line.send(Event::warning(format!("{}: {stop}", check.id)));
    }
    tidy(&cluster, context).await;
    if check.disturbs() {
        // No other check is beside it, and the next one waits until all nodes agree.
        live.forget_gaps(&cluster.own_changes().added).await;
    }
    let outcome = outcome?;
    let transcript =
        (outcome.is_err() && !cluster.transcript().is_empty()).then(|| cluster.transcript().render() + &logs);
    let mut record = record(check, outcome, took, &context.known, live);
    record.measured = cluster.measures().into_iter().map(measured).collect();
    Some(Finished { record, transcript, upset, own: cluster.own_changes() })
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
    unattended(record)
}

/// Returns the record of a check that rct could not run, with the reason.
pub fn broken(check: &Check, reason: String) -> Finished {
    let record = CheckRecord { reason: Some(reason), ..blank(check, Verdict::Broken, Duration::ZERO) };
    unattended(record)
}

/// Returns the record of a check during which the server crashed, with the evidence.
pub fn crashed(check: &Check, mismatch: Mismatch, context: &Context, live: &LiveCluster) -> Finished {
    unattended(record(check, Err(Stop::Mismatch(Box::new(mismatch))), Duration::ZERO, &context.known, live))
}

fn unattended(record: CheckRecord) -> Finished {
    Finished { record, transcript: None, upset: None, own: OwnChanges::default() }
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

/// Returns the mismatch; Skip if it comes from a command that the operator took away; Broken if the target, or a limit of
/// its environment, rather than the server may have caused it.
async fn trusted(mismatch: Mismatch, cluster: &Cluster, took: Duration) -> Stop {
    if let Some(reason) = explanation(&mismatch, cluster, took).await {
        return Stop::Broken(format!("{reason} (received {})", mismatch.received));
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
    Measured { name: measure.name, value: (measure.value * 1e3).round() / 1e3, unit: measure.unit.to_owned() }
}
