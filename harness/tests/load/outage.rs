//! The outage that rct reports is the one that another client sees.

use std::time::Duration;

use harness::record::LoadRecord;
use loadgen::outage::Outage;

use super::clusters::{on_cluster_of, request};
use super::faulted::Faulted;
use super::other_client::{STALL_S_MOST, compare, outages};
use crate::servers::server;

#[test]
fn the_outage_of_a_killed_primary_is_what_another_client_sees() {
    without_full_coverage(500, 1_500.0, 6, "kill primary @1500ms");
}

#[test]
#[ignore = "slow: 20 s, and the shorter one shows the same"]
fn the_outage_at_3000_per_second_is_what_another_client_sees() {
    without_full_coverage(2_000, 3_000.0, 12, "kill primary @3s");
}

#[test]
#[ignore = "slow: 20 s"]
fn the_outage_of_a_paused_primary_is_what_another_client_sees() {
    without_full_coverage(1_000, 3_000.0, 12, "pause primary 6s @2s");
}

#[test]
#[ignore = "slow: 20 s"]
fn with_full_coverage_the_other_shards_have_an_outage_too() {
    let record = on_local_servers("yes", 2_000, 3_000.0, 12, "kill primary @3s");
    let others: Vec<&Outage> = outages(&record).iter().filter(|outage| !outage.is_target).collect();
    assert!(others.iter().all(|outage| outage.outage_s > STALL_S_MOST), "{others:#?}");
    assert!(others.iter().all(|outage| outage.refused + outage.answered_late > 0), "{others:#?}");
}

/// Without full coverage, the other shards must not stall.
fn without_full_coverage(node_timeout_ms: u64, rate_per_s: f64, run_s: u64, fault: &str) {
    let record = on_local_servers("no", node_timeout_ms, rate_per_s, run_s, fault);
    let stalled = outages(&record).iter().find(|other| !other.is_target && other.outage_s > STALL_S_MOST);
    assert_eq!(stalled, None);
}

fn on_local_servers(full_coverage: &str, node_timeout_ms: u64, rate_per_s: f64, run_s: u64, fault: &str) -> LoadRecord {
    let mut record = None;
    on_cluster_of(&server("redis-7.0"), &request(node_timeout_ms, full_coverage), async |live| {
        let (run, faults) = (Duration::from_secs(run_s), &[fault]);
        let run = Faulted { rate_per_s, run, faults, verified_into: None };
        record = Some(compare(&live, &run).await);
    });
    record.unwrap()
}
