//! The numbers of a run.

mod make;

use std::collections::BTreeMap;

pub(crate) use make::{Surroundings, report};
use serde::{Deserialize, Serialize};

use crate::recorder::{AllTimes, times};
use crate::timeline::Window;

/// The send lag beyond which a run says more of the generator than of the servers, in microseconds, at p99.
pub const SEND_LAG_US_MOST: f64 = 1_000.0;

/// The numbers of a run. Fields are a contract with scripts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// The workload's name.
    pub workload: String,
    /// Sockets in total.
    pub clients: usize,
    /// Threads that drove them.
    pub threads: usize,
    /// What moved the bytes: `tokio` or `io_uring`.
    pub engine: String,
    /// Operations in flight on a socket.
    pub pipeline: usize,
    /// `closed` or `open`.
    pub mode: String,
    /// The rate of the first step in open loop.
    pub offered_per_s: Option<f64>,
    /// Good replies to operations of the measured time.
    pub operations: u64,
    /// Good replies a second of the measured time.
    pub operations_per_s: f64,
    /// The measured time, in seconds.
    pub duration_s: f64,
    /// Good replies in the measured time to operations of before it; they are in nothing else.
    pub late_operations: u64,
    /// User and system time of this process in the measured time, by operation.
    pub client_cpu_us_per_operation: f64,
    /// The most memory that this process had, in MB.
    pub client_memory_mb: f64,
    /// How long it took until every socket was ready, in seconds.
    pub connect_s: f64,
    /// Replies and other outcomes by class; operations that were sent again count each time.
    pub outcomes: BTreeMap<String, u64>,
    /// Errors that are no class of their own, by first word.
    pub error_codes: BTreeMap<String, u64>,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// Operations that were planned and never sent.
    pub not_sent: u64,
    /// The share of reads that found something; null without reads.
    pub hit_ratio: Option<f64>,
    /// Whether the generator kept up, so that the numbers are the servers'.
    pub valid: bool,
    /// Why they are not.
    pub invalid_because: Vec<String>,
    /// Times of all operations.
    pub latency_us: Latencies,
    /// By command.
    pub commands: Vec<CommandReport>,
    /// By node.
    pub nodes: Vec<NodeReport>,
    /// By step of the rate.
    pub steps: Vec<StepReport>,
    /// By slot.
    pub slots: SlotsReport,
    /// By second; of a very long run the last hour.
    pub windows: Vec<Window>,
    /// Windows of before that hour.
    pub windows_dropped: u64,
    /// All response times.
    #[serde(skip, default = "times")]
    pub response: AllTimes,
    /// All service times.
    #[serde(skip, default = "times")]
    pub service: AllTimes,
}

/// The measures of a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latencies {
    /// From the planned instant to the reply; in closed loop from the sending.
    pub response: Percentiles,
    /// From the last sending to the reply.
    pub service: Percentiles,
    /// From the planned instant to when the generator got round to it; zero in closed loop.
    pub send_lag: Percentiles,
    /// From the planned instant to the end of operations that failed.
    pub failed: Percentiles,
}

/// Percentiles in microseconds; zeros where nothing was recorded.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many times there are.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p999: f64,
    /// The 99.99th percentile.
    pub p9999: f64,
    /// The greatest.
    pub max: f64,
}

/// The numbers of a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CommandReport {
    /// Its name; those of a transaction joined by `+`.
    pub name: String,
    /// Good replies.
    pub operations: u64,
    /// Response times.
    pub response_us: Percentiles,
    /// Service times.
    pub service_us: Percentiles,
}

/// The numbers of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its id, where the cluster told.
    pub id: Option<String>,
    /// The address that was dialled.
    pub address: String,
    /// `primary`, `replica`, or `gone` if it serves nothing at the end.
    pub role: String,
    /// Good replies.
    pub operations: u64,
    /// Replies and other outcomes by class.
    pub outcomes: BTreeMap<String, u64>,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// Operations that were planned for it and never sent.
    pub not_sent: u64,
    /// Response times.
    pub response_us: Percentiles,
    /// Service times.
    pub service_us: Percentiles,
}

/// The numbers of a step of the rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepReport {
    /// The rate that was offered.
    pub offered_per_s: Option<f64>,
    /// Good replies a second.
    pub operations_per_s: f64,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// Operations that were planned and never sent.
    pub not_sent: u64,
    /// Response times.
    pub response_us: Percentiles,
    /// Send lag.
    pub send_lag_us: Percentiles,
}

/// The numbers of slots.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlotsReport {
    /// Slots with a good reply.
    pub used: usize,
    /// The slots with the most good replies, the first first.
    pub busiest: Vec<SlotReport>,
    /// The slots with redirects, those with the most first; at most as many as are named of the busiest.
    pub redirected: Vec<SlotReport>,
    /// How many slots had redirects.
    pub redirected_count: usize,
    /// Every slot of which something was heard, by number.
    #[serde(skip)]
    pub all: Vec<SlotReport>,
}

/// The numbers of a slot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SlotReport {
    /// The slot.
    pub slot: usize,
    /// Good replies.
    pub operations: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other trouble.
    pub errors: u64,
}
