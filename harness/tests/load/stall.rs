//! A stall of one shard shows in the latencies exactly as computed, and only in that shard.

use std::time::{Duration, Instant};

use loadgen::{LoadPlan, StopSignal, Until};
use suites::LiveCluster;
use tokio::time::sleep;
use wire::Slot;

use super::common::{at_rate, load, on_cluster, plan};

const RATE_PER_S: f64 = 5_000.0;
const RUN: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(2);

/// How many times the test runs, because other work on the machine causes delays that the computation leaves out.
const TRIES: usize = 3;

#[test]
fn every_operation_planned_during_a_stall_shows_it() {
    on_cluster(60_000, async |live| {
        let mut differences = Vec::new();
        for _ in 0..TRIES {
            match stall(&live).await {
                Ok(()) => return,
                Err(difference) => differences.push(difference),
            }
        }
        panic!("{}", differences.join("\n"));
    });
}

/// Pauses a shard during a run, and says where the report differs from the computed latencies.
async fn stall(live: &LiveCluster) -> Result<(), String> {
    let stalled = live.topology().owner(Slot::of("stalled")).unwrap().address.clone();
    let (pace, until) = (at_rate(RATE_PER_S), Until::Elapsed(RUN));
    let plan = LoadPlan { pace, until, pipeline: 16, timeout: Duration::from_secs(10), ..plan(live, "GET:1") };
    let stalling = async {
        sleep(Duration::from_secs(2)).await;
        let began = Instant::now();
        live.control.pause(&stalled).await.unwrap();
        sleep(STALL.saturating_sub(began.elapsed())).await;
        live.control.resume(&stalled).await.unwrap();
        began.elapsed().as_secs_f64()
    };
    let stop = StopSignal::default();
    let (report, stall_s) = tokio::join!(load(plan, &stop), stalling);
    let planned = RATE_PER_S * RUN.as_secs_f64();
    assert_eq!((report.operations as f64, report.failed, report.not_sent), (planned, 0, 0));
    let node = report.nodes.iter().find(|node| node.address == stalled.to_string()).unwrap();
    // The share of operations that were planned for the shard during the stall. Each waited for the rest of the stall,
    // so the longest waits are spread evenly between zero and the whole stall.
    let share = node.operations as f64 / planned * stall_s / RUN.as_secs_f64();
    let expected_us = |quantile: f64| stall_s * 1e6 * (1.0 - (1.0 - quantile) / share);
    let seen = &report.latency_us.response;
    for (name, expected_us, seen_us) in
        [("p95", expected_us(0.95), seen.p95), ("p99", expected_us(0.99), seen.p99), ("max", stall_s * 1e6, seen.max)]
    {
        if (seen_us - expected_us).abs() > expected_us * 0.05 {
            return Err(format!("{name}: expected {expected_us:.0} us, seen {seen_us:.0} us, stall {stall_s:.3} s"));
        }
    }
    for other in report.nodes.iter().filter(|node| node.address != stalled.to_string()) {
        if other.response_us.max > stall_s * 1e6 / 4.0 {
            return Err(format!("{} waited too: {:?}", other.address, other.response_us));
        }
    }
    Ok(())
}
