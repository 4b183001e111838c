//! The report counts exactly the operations that the servers counted.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::{EngineChoice, LoadPlan, LoadReport, ReadFrom, Routing, StopSignal, Until};
use suites::LiveCluster;
use wire::{Role, command};

use super::common::{ask, at_rate, load, on_cluster, plan};

/// Pairs of a pipeline depth and a number of threads.
const SHAPES: [(usize, usize); 3] = [(1, 1), (16, 2), (100, 1)];

/// The calls that all servers executed, by command, and the number of those that they refused.
async fn counted(live: &LiveCluster) -> (BTreeMap<String, u64>, u64) {
    let (mut calls, mut refused) = (BTreeMap::new(), 0);
    for node in &live.topology().nodes {
        let reply = ask(live, &node.address, &command!["INFO", "commandstats"]).await;
        for line in reply.text().unwrap().lines() {
            let Some((name, fields)) = line.strip_prefix("cmdstat_").and_then(|line| line.split_once(':')) else {
                continue;
            };
            let field = |wanted: &str| -> u64 {
                let mut pairs = fields.split(',').filter_map(|field| field.split_once('='));
                pairs.find(|(name, _)| *name == wanted).map_or(0, |(_, number)| number.parse().unwrap())
            };
            let is_ours = matches!(name, "get" | "set");
            refused += if is_ours { field("rejected_calls") } else { 0 };
            // Replicas also count the writes that they receive from their primaries.
            if is_ours && (name == "get" || node.role == Role::Primary) {
                *calls.entry(name.to_uppercase()).or_default() += field("calls");
            }
        }
    }
    (calls, refused)
}

async fn reset(live: &LiveCluster) {
    for node in &live.topology().nodes {
        ask(live, &node.address, &command!["CONFIG", "RESETSTAT"]).await;
    }
}

fn assert_same(report: &LoadReport, calls: &BTreeMap<String, u64>) {
    let reported: BTreeMap<String, u64> =
        report.commands.iter().map(|command| (command.name.clone(), command.operations)).collect();
    assert_eq!(reported, *calls);
    assert_eq!(report.operations, calls.values().sum::<u64>());
    assert_eq!((report.failed, report.not_sent), (0, 0));
    assert_eq!(report.latency_us.response.count, report.operations);
    assert_eq!(report.nodes.iter().map(|node| node.operations).sum::<u64>(), report.operations);
    assert_eq!(report.windows.iter().map(|window| window.operations).sum::<u64>(), report.operations);
}

#[test]
fn operations_are_the_replies_that_the_servers_counted() {
    on_cluster(5_000, async |live| {
        let engines = [EngineChoice::Tokio, EngineChoice::Auto];
        for (engine, (pipeline, threads)) in engines.iter().flat_map(|&engine| SHAPES.map(|shape| (engine, shape))) {
            reset(&live).await;
            let until = Until::Operations(20_000);
            let plan = LoadPlan { pipeline, threads, until, engine, ..plan(&live, "GET:1,SET:1") };
            let report = load(plan, &StopSignal::default()).await;
            let (calls, refused) = counted(&live).await;
            assert_same(&report, &calls);
            assert_eq!((report.operations, report.outcomes["moved"], refused), (20_000, 0, 0), "pipeline {pipeline}");
        }
        for (engine, (pipeline, _)) in engines.iter().flat_map(|&engine| SHAPES.map(|shape| (engine, shape))) {
            reset(&live).await;
            let naive = LoadPlan {
                pipeline,
                engine,
                routing: Routing::Redirect,
                until: Until::Operations(20_000),
                ..plan(&live, "GET:1,SET:1")
            };
            let report = load(naive, &StopSignal::default()).await;
            let (calls, refused) = counted(&live).await;
            assert_same(&report, &calls);
            assert!(refused > 0, "a naive client is sent elsewhere");
            assert_eq!((report.operations, report.outcomes["moved"]), (20_000, refused), "pipeline {pipeline}");
            assert!(report.slots.redirected_count > 0);
        }
        reset(&live).await;
        let timed = LoadPlan {
            pace: at_rate(2_000.0),
            until: Until::Elapsed(Duration::from_secs(2)),
            ..plan(&live, "GET:1,SET:1")
        };
        let report = load(timed, &StopSignal::default()).await;
        assert_same(&report, &counted(&live).await.0);
        assert_eq!(report.operations, 4_000, "an open schedule plans what it says");
        assert_eq!(report.duration_s, 2.0);
    });
}

#[test]
fn reads_from_replicas_are_answered_there() {
    on_cluster(5_000, async |live| {
        let until = Until::Operations(5_000);
        let report = load(
            LoadPlan { read_from: ReadFrom::Replica, until, ..plan(&live, "GET:1,SET:1") },
            &StopSignal::default(),
        )
        .await;
        let by_role =
            |role: &str| report.nodes.iter().filter(|node| node.role == role).map(|node| node.operations).sum::<u64>();
        let of = |name: &str| report.commands.iter().find(|command| command.name == name).unwrap().operations;
        assert_eq!((by_role("replica"), by_role("primary")), (of("GET"), of("SET")));
        assert_eq!((report.failed, report.outcomes["moved"]), (0, 0));
    });
}
