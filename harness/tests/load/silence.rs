//! A primary that does not answer shows in the response times as arithmetic says, whatever `--timeout` is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use loadgen::keys::Distribution;
use loadgen::recorder::Lane;
use loadgen::report::{NodeReport, Percentiles};
use loadgen::timeline::Progress;
use loadgen::workload::{Sizes, Workload};
use loadgen::{LoadPlan, LoadReport, Observer, StopSignal, Until};
use suites::{LiveCluster, Restart};
use tokio::sync::oneshot;
use tokio::time::sleep;
use wire::{Address, Slot, command};

use super::common::{ask, at_rate, load_watched, on_cluster, plan};

/// No replica takes over while the primary is silent.
const NODE_TIMEOUT_MS: u64 = 60_000;
/// Few, so that the node answers within milliseconds what waited for it.
const RATE_PER_S: f64 = 250.0;
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(1);
const TIMEOUTS_S: [u64; 3] = [1, 2, 5];
/// What an operation of a healthy node may take at most, so that noise is not mistaken for the stall.
const HEALTHY_US: f64 = 50_000.0;

/// A machine that is busy with other things delays what the arithmetic does not know; then the test measures again.
const TRIES: usize = 3;

/// How the primary falls silent.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Silence {
    /// SIGSTOP, and SIGCONT before the end of the run.
    Paused,
    /// SIGKILL; the run ends before the node is back.
    Killed,
}

#[test]
fn a_paused_primary_shows_as_its_stall_of_2_s() {
    measure(Silence::Paused, Duration::from_secs(2));
}

#[test]
fn a_paused_primary_shows_as_its_stall_of_7_s() {
    measure(Silence::Paused, Duration::from_secs(7));
}

#[test]
fn a_primary_killed_2_s_before_the_end_shows_to_the_end() {
    measure(Silence::Killed, Duration::from_secs(2));
}

#[test]
#[ignore = "script/test full: 15 s, and the shorter one shows nearly the same"]
fn a_primary_killed_7_s_before_the_end_shows_to_the_end() {
    measure(Silence::Killed, Duration::from_secs(7));
}

/// Measures a silence with all timeouts at a time, and compares each report with the arithmetic.
fn measure(silence: Silence, length: Duration) {
    on_cluster(NODE_TIMEOUT_MS, async |live| {
        let mut differences = Vec::new();
        for _ in 0..TRIES {
            differences = runs(&live, silence, length).await;
            if differences.is_empty() {
                return;
            }
        }
        panic!("{}", differences.join("\n"));
    });
}

async fn runs(live: &LiveCluster, silence: Silence, length: Duration) -> Vec<String> {
    let silent = live.topology().owner(Slot::of("silent")).unwrap().address.clone();
    let after = if silence == Silence::Paused { AFTER } else { Duration::ZERO };
    let run = BEFORE + length + after;
    let stop = StopSignal::default();
    let (starts, started): (Vec<_>, Vec<_>) = TIMEOUTS_S.iter().map(|_| oneshot::channel()).unzip();
    let loads = TIMEOUTS_S.into_iter().zip(starts).map(|(timeout_s, start)| {
        let (pace, until) = (at_rate(RATE_PER_S), Until::Elapsed(run));
        let plan = LoadPlan { pace, until, timeout: Duration::from_secs(timeout_s), ..in_turn(live) };
        load_watched(plan, &stop, Starts(Some(start)))
    });
    let silencing = async {
        let started: Vec<Instant> = join_all(started).await.into_iter().map(Result::unwrap).collect();
        sleep(BEFORE).await;
        let began = Instant::now();
        match silence {
            Silence::Paused => {
                live.control.pause(&silent).await.unwrap();
                sleep(length.saturating_sub(began.elapsed())).await;
                live.control.resume(&silent).await.unwrap();
            }
            Silence::Killed => live.control.kill(&silent).await.unwrap(),
        }
        let took = began.elapsed();
        let stall = |start: Instant| match silence {
            Silence::Paused => took,
            Silence::Killed => (start + run).duration_since(began),
        };
        started.into_iter().map(|start| stall(start).as_secs_f64()).collect::<Vec<f64>>()
    };
    let (reports, stalls_s) = tokio::join!(join_all(loads), silencing);
    if silence == Silence::Killed {
        live.control.restart(&silent, Restart::WithData).await.unwrap();
        serves(live, &silent).await;
    }
    let differences = TIMEOUTS_S.into_iter().zip(&reports).zip(stalls_s).flat_map(|((timeout_s, report), stall_s)| {
        let expected = Expected { silence, stall_s, timeout_s: timeout_s as f64, run_s: run.as_secs_f64() };
        let all = expected.differences(report, &silent);
        all.into_iter()
            .map(move |difference| format!("{silence:?} {stall_s:.2} s, timeout {timeout_s} s: {difference}"))
    });
    differences.collect()
}

/// A plan that asks the three primaries in turn, so that the share of the silent one is exact at every instant.
fn in_turn(live: &LiveCluster) -> LoadPlan {
    let topology = live.topology();
    let workloads = (0..1_000).map(|number| {
        let prefix = format!("silence:{number}:");
        Workload::mix("GET:1", &prefix, 3, Distribution::Sequential, Sizes::Fixed(64)).unwrap()
    });
    let asks_each = |workload: &Workload| {
        let key = |number: u64| format!("{}{number:012}", workload.spaces[0].prefix);
        let owners = (0..3).map(|number| topology.owner(Slot::of(key(number))).unwrap().id);
        owners.collect::<BTreeSet<_>>().len() == 3
    };
    let workload = workloads.into_iter().find(asks_each).expect("one prefix in a few spreads its keys");
    LoadPlan { workload: Arc::new(workload), ..plan(live, "GET:1") }
}

/// Tells when a load starts: the workers begin some milliseconds after their connections are ready.
struct Starts(Option<oneshot::Sender<Instant>>);

impl Observer for Starts {
    fn connected(&mut self, _ready: usize, _took: Duration) {
        self.0.take().unwrap().send(Instant::now() + Duration::from_millis(15)).unwrap();
    }

    fn second(&mut self, _progress: &Progress, _lanes: &[Lane]) {}
}

/// Waits until a node that has started again serves keys.
async fn serves(live: &LiveCluster, address: &Address) {
    let get = command!["GET", "silent"];
    while ask(live, address, &get).await.error().is_some() {
        sleep(Duration::from_millis(50)).await;
    }
}

/// What follows from a silence: each operation planned in it waits for its end, but no longer than the timeout.
#[derive(Clone, Copy)]
struct Expected {
    silence: Silence,
    stall_s: f64,
    timeout_s: f64,
    run_s: f64,
}

impl Expected {
    /// How long the operation at a quantile waits for an answer, in seconds. This share of all operations was planned
    /// for the silent node.
    fn wait_s(self, quantile: f64, node_share: f64) -> f64 {
        let share = node_share * self.stall_s / self.run_s;
        // The longest waits are spread evenly from the whole stall down to nothing.
        match self.silence {
            Silence::Paused => (self.stall_s * (1.0 - (1.0 - quantile) / share)).max(0.0),
            Silence::Killed if 1.0 - quantile < share => f64::INFINITY,
            Silence::Killed => 0.0,
        }
    }

    fn differences(self, report: &LoadReport, silent: &Address) -> Vec<String> {
        let mut differences = counts(report);
        let node = node(report, silent);
        let share = node.planned as f64 / report.planned as f64;
        differences.extend(self.of_times("response", &report.latency_us.response, share));
        differences.extend(self.of_times("response of the node", &node.response_us, 1.0));
        let share_s = if self.silence == Silence::Paused { self.stall_s - self.timeout_s } else { self.stall_s };
        let unanswered = RATE_PER_S * share * share_s.max(0.0);
        // As many operations more or less as are planned in a twentieth of the shorter time.
        let tolerance = RATE_PER_S * share * self.stall_s.min(self.timeout_s) * 0.05 + 2.0;
        if (report.failed as f64 - unanswered).abs() > tolerance {
            differences.push(format!("expected {unanswered:.0} without an answer, seen {:?}", report.unanswered));
        }
        for other in report.nodes.iter().filter(|other| other.address != node.address) {
            if other.failed > 0 || other.response_us.max > self.stall_s * 1e6 / 4.0 {
                differences.push(format!("{} waited too: {:?}", other.address, other.response_us));
            }
        }
        differences.extend(self.of_windows(report, silent));
        differences
    }

    fn of_times(self, what: &str, seen: &Percentiles, share: f64) -> Vec<String> {
        let quantiles = [
            ("p50", 0.5, seen.p50),
            ("p90", 0.9, seen.p90),
            ("p95", 0.95, seen.p95),
            ("p99", 0.99, seen.p99),
            ("max", 1.0, seen.max),
        ];
        let difference = |(name, quantile, seen_us): (&str, f64, f64)| {
            let wait_s = self.wait_s(quantile, share);
            let (expected_us, is_answered) = (wait_s.min(self.timeout_s) * 1e6, wait_s <= self.timeout_s);
            let is_near = (seen_us - expected_us).abs() <= (expected_us * 0.05).max(HEALTHY_US);
            // Close to the timeout, either may happen.
            let is_close = (wait_s - self.timeout_s).abs() < self.timeout_s * 0.05;
            let is_marked = seen.no_answer.iter().any(|marked| marked == name);
            let is_right = is_near && (is_close || is_marked != is_answered);
            (!is_right).then(|| {
                let expected = if is_answered { "an answer" } else { "no answer" };
                format!("{what} {name}: expected {expected_us:.0} us and {expected}, seen {seen_us:.0} us in {seen:?}")
            })
        };
        quantiles.into_iter().filter_map(difference).collect()
    }

    /// A second of the stall looks different from a healthy one.
    fn of_windows(self, report: &LoadReport, silent: &Address) -> Vec<String> {
        let mut differences = Vec::new();
        for window in report.windows.iter().filter(|window| window.planned > 0) {
            let node = window.nodes.iter().find(|node| node.address == silent.to_string());
            let Some(node) = node else { return vec![format!("no node in {window:?}")] };
            let is_whole = |from_s: f64| window.at_s >= from_s && window.at_s + 1.0 <= from_s + self.stall_s;
            if is_whole(BEFORE.as_secs_f64()) {
                let p99_us = node.response_us.as_ref().map_or(0.0, |brief| brief.p99);
                if p99_us < HEALTHY_US && node.failed == 0 {
                    differences.push(format!("a silent second looks healthy: {window:?}"));
                }
            }
            if window.operations + window.failed + window.not_sent != window.planned {
                differences.push(format!("a second does not add up: {window:?}"));
            }
        }
        differences
    }
}

/// Every planned operation is accounted for, and the servers do not make the run invalid.
fn counts(report: &LoadReport) -> Vec<String> {
    let mut differences = Vec::new();
    let planned = RATE_PER_S * report.duration_s;
    let seconds: u64 = report.windows.iter().map(|window| window.planned).sum();
    let sum = report.operations + report.failed + report.not_sent;
    for (what, seen) in [("planned", report.planned), ("ended", sum), ("planned in seconds", seconds)] {
        if seen as f64 != planned {
            differences.push(format!("{what}: expected {planned}, seen {seen}"));
        }
    }
    let (response, answered) = (&report.latency_us.response, &report.latency_us.answered);
    let counts = (response.count, response.unanswered, answered.count, report.not_sent);
    if counts != (report.planned, report.failed, report.operations, 0) {
        differences.push(format!("response, unanswered, answered and not sent: {counts:?}"));
    }
    let is_about_servers = |reason: &String| !reason.contains("send lag");
    differences.extend(report.invalid_because.iter().filter(|reason| is_about_servers(reason)).cloned());
    differences
}

fn node<'a>(report: &'a LoadReport, address: &Address) -> &'a NodeReport {
    report.nodes.iter().find(|node| node.address == address.to_string()).unwrap()
}
