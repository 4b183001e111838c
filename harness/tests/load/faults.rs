//! Each action of `--fault` has its effect under load, and the cluster is as before afterwards.

use std::time::Duration;

use super::clusters::{on_cluster_of, request};
use super::faulted::{Faulted, perform_each};
use crate::servers::server;

const RATE_PER_S: f64 = 500.0;

/// Each action, and how long its run takes in seconds.
const ACTIONS: [(&str, u64); 16] = [
    ("kill primary @500ms", 5),
    ("kill replica 1s @500ms", 4),
    ("pause primary 3s @500ms", 6),
    ("restart primary @500ms", 4),
    ("restart replica @500ms", 4),
    ("stop shard 2 1s @500ms", 5),
    ("failover @500ms", 4),
    ("failover force @500ms", 4),
    ("failover takeover shard 1 @500ms", 4),
    ("move 50 slots @500ms", 4),
    ("move 50 slots by=atomic @500ms", 4),
    ("remove node @500ms", 25),
    ("add node @500ms", 25),
    ("rolling-restart @500ms", 25),
    ("kill shard 3 @500ms", 5),
    ("stop shard 3 @500ms", 4),
];

#[test]
#[ignore = "slow: 4 min, each action once"]
fn each_action_has_its_effect_and_is_undone() {
    on_cluster_of(&server("valkey-9.1"), &request(1_000, "yes"), async |live| {
        perform_each(&live, RATE_PER_S, &ACTIONS).await;
    });
}

#[test]
fn what_a_cluster_cannot_take_is_rejected_before_the_load() {
    on_cluster_of(&server("redis-7.0"), &request(1_000, "no"), async |live| {
        for (fault, reason) in [
            ("isolate primary 1s @1s", "this target cannot cut a node off from the others"),
            ("move 50 slots by=atomic @1s", "has no CLUSTER MIGRATESLOTS; use by=migrate"),
            ("move 9000 slots @1s", "no primary has more than 9000 slots"),
            ("kill shard 4 @1s", "the cluster has 3 shards, which count from 1"),
            ("kill node 127.0.0.1:1 @1s", "the cluster has no node 127.0.0.1:1; nodes are 127.0.0.1:"),
        ] {
            let (run, faults) = (Duration::from_secs(5), &[fault]);
            let run = Faulted { rate_per_s: RATE_PER_S, run, faults, verified_into: None };
            let error = run.load(&live).await.err().unwrap();
            assert!(error.to_string().contains(reason), "{fault}: {error}");
        }
    });
}
