//! Load runs on real servers report the truth: exact counts, the latencies of a stall, and every change of the cluster.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod clusters;
mod common;
mod counts;
#[path = "../support/faulted.rs"]
mod faulted;
mod faults;
mod losses;
#[path = "../support/other_client.rs"]
mod other_client;
mod outage;
#[path = "../support/servers.rs"]
mod servers;
mod silence;
mod stall;
mod verify;
