//! Builders of load runs for tests, with fixed times.

use harness::record::{FaultRecord, LoadRecord, TargetRecord};
use loadgen::LoadReport;
use serde_json::{Value, json};

/// The addresses of the nodes of a run.
const NODES: [&str; 2] = ["127.0.0.1:7000", "127.0.0.1:7001"];

/// A load run of this many seconds, in open loop with 1,000 planned operations per second.
pub(crate) fn a_load_run(seconds: usize) -> LoadRecord {
    let target = TargetRecord { kind: "local".into(), shape: Some("2+1".into()), ..TargetRecord::default() };
    let mut record = LoadRecord::new("2026-08-22T10:14:03.5Z".parse().unwrap(), 42, target);
    record.rct = "0.2.0".into(); // No release changes the snapshots.
    record.ended = harness::record::Ended::Complete;
    record.command = ["rct", "load", "--rate", "1000"].map(str::to_owned).to_vec();
    record.load = Some(report(seconds));
    record
}

/// The same run, in which a primary is killed after two seconds and one shard is out for 1.5 seconds.
pub(crate) fn a_load_run_with_a_fault(seconds: usize) -> LoadRecord {
    let mut record = a_load_run(seconds);
    let fault: FaultRecord = serde_json::from_value(json!({
        "number": 1, "fault": "kill primary @2s", "action": "kill 127.0.0.1:7001, a primary of shard 2",
        "nodes": [NODES[1]], "shards": [2], "planned_s": 2.0, "began_s": 2.0, "ended_s": 2.004, "problem": null,
        "seen": [
            { "at_s": 3.0, "state": "failed", "node": NODES[1], "by": NODES[0] },
            { "at_s": 3.4, "state": "agreed", "node": null, "by": null },
        ],
    }))
    .unwrap();
    record.events = vec![fault];
    let outage = |shard, is_target, outage_s| {
        json!({
            "event": 1, "shard": shard, "slots": "0-8191", "is_target": is_target, "class": "reads",
            "outage_s": outage_s, "last_good_s": 2.0, "first_good_s": 2.0 + outage_s, "planned": 750,
            "answered_late": 650, "refused": 0, "timed_out": 100, "failed": 0,
        })
    };
    let report = record.load.as_mut().unwrap();
    report.outages = serde_json::from_value(json!([outage(1, false, 0.0), outage(2, true, 1.5)])).unwrap();
    let window = &mut report.windows[2];
    (window.operations, window.failed) = (900, 100);
    window.outcomes = [("cluster_down".to_owned(), 40), ("moved".to_owned(), 3)].into();
    let brief = window.response_us.as_mut().unwrap();
    (brief.p99, brief.max) = (2_000_000.0, 2_000_000.0);
    brief.no_answer = vec!["p99".into(), "max".into()];
    record
}

/// The same run with three steps of the rate.
pub(crate) fn a_load_run_with_steps() -> LoadRecord {
    let mut record = a_load_run(3);
    let step = |rate: u64, p99: f64| {
        json!({
            "offered_per_s": rate, "planned": rate, "operations_per_s": rate, "failed": 0, "not_sent": 0,
            "response_us": times(rate, p99), "send_lag_us": times(rate, 20.0),
        })
    };
    let steps = json!([step(500, 400.0), step(1_000, 900.0), step(2_000, 30_000.0)]);
    record.load.as_mut().unwrap().steps = serde_json::from_value(steps).unwrap();
    record
}

fn times(count: u64, p99: f64) -> Value {
    json!({
        "count": count, "mean": p99 / 4.0, "p50": p99 / 5.0, "p90": p99 / 2.0, "p95": p99 / 1.5, "p99": p99,
        "p999": p99 * 2.0, "p9999": p99 * 3.0, "max": p99 * 4.0,
    })
}

fn brief() -> Value {
    json!({ "p50": 200.0, "p90": 500.0, "p99": 1_000.0, "max": 4_000.0 })
}

fn window(second: usize) -> Value {
    let node = |address: &str| {
        json!({
            "address": address, "planned": 500, "operations": 500, "failed": 0, "redirects": 0, "errors": 0,
            "not_sent": 0, "response_us": brief(),
        })
    };
    json!({
        "at_s": second, "length_s": 1.0, "part": "measure", "planned": 1_000, "operations": 1_000, "failed": 0,
        "not_sent": 0, "redirects": 0, "errors": 0, "outcomes": {}, "response_us": brief(),
        "nodes": NODES.map(node),
    })
}

fn report(seconds: usize) -> LoadReport {
    let count = seconds as u64 * 1_000;
    let node = |address: &str| {
        json!({
            "id": null, "address": address, "role": "primary", "operations": count / 2, "outcomes": {}, "failed": 0,
            "not_sent": 0, "response_us": times(count / 2, 1_000.0), "service_us": times(count / 2, 800.0),
        })
    };
    let point = |percentile, us| json!({ "percentile": percentile, "us": us });
    let nothing = times(0, 0.0);
    let mut cells = vec![10; 1_024];
    cells[7] = 80;
    serde_json::from_value(json!({
        "workload": "GET:1", "clients": 50, "threads": 1, "engine": "tokio", "pipeline": 1, "mode": "open",
        "offered_per_s": 1_000.0, "planned": count, "operations": count, "answered_share": 1.0,
        "operations_per_s": 1_000.0, "duration_s": seconds, "late_operations": 0,
        "client_cpu_us_per_operation": 7.5, "client_memory_mb": 20.0, "connect_s": 0.1, "outcomes": {},
        "error_codes": {}, "failed": 0, "not_sent": 0, "hit_ratio": null, "valid": true, "invalid_because": [],
        "latency_us": { "response": times(count, 1_000.0), "answered": times(count, 1_000.0),
                        "service": times(count, 800.0), "send_lag": nothing, "failed": nothing },
        "distributions": {
            "response": [point(0.0, 90.0), point(50.0, 200.0), point(99.0, 1_000.0), point(100.0, 4_000.0)],
            "service": [point(0.0, 80.0), point(50.0, 150.0), point(99.0, 800.0), point(100.0, 3_200.0)],
            "histogram": [{ "from_us": 100.0, "count": 900 }, { "from_us": 1_000.0, "count": 100 }],
        },
        "commands": [], "nodes": NODES.map(node), "steps": [],
        "slots": { "used": 16_384, "busiest": [], "redirected": [], "redirected_count": 0,
                   "cells": { "operations": cells, "redirects": [], "errors": [] } },
        "windows": (0..seconds).map(window).collect::<Vec<_>>(), "windows_dropped": 0,
    }))
    .unwrap()
}
