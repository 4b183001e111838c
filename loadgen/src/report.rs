//! The numbers of a run.

mod distributions;
mod make;
#[cfg(test)]
mod simulated;

use std::collections::BTreeMap;

pub use distributions::{Bucket, CurvePoint, Distributions};
pub(crate) use make::{Surroundings, report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::VerifyReport;
use crate::outage::Outage;
use crate::recorder::{AllTimes, times};
use crate::stalls::Stall;
use crate::timeline::Window;
use crate::waits::WaitReport;

/// The largest p99 of the send lag of a valid run, in microseconds.
pub const SEND_LAG_US_MOST: f64 = 1_000.0;

/// How many slots each number of [`SlotCells`] counts.
pub const SLOTS_PER_CELL: usize = 16;

/// The numbers of a run. Fields are a contract with scripts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LoadReport {
    /// The workload's name.
    pub workload: String,
    /// Clients in total.
    pub clients: usize,
    /// Connections in total: one for each client, or about one for each node if there are fewer clients than nodes.
    #[serde(default)]
    pub connections: usize,
    /// Threads that drove them.
    pub threads: usize,
    /// The input and output engine: `tokio` or `io_uring`.
    pub engine: String,
    /// Operations in flight on a connection.
    pub pipeline: usize,
    /// `closed` or `open`.
    pub mode: String,
    /// The planned rate of the first step, in open loop.
    pub offered_per_s: Option<f64>,
    /// Operations that open loop planned in the measured time; in closed loop those that it sent.
    #[serde(default)]
    pub planned: u64,
    /// Operations of the measured time with a good reply.
    pub operations: u64,
    /// `operations / planned`; null if nothing was planned.
    #[serde(default)]
    pub answered_share: Option<f64>,
    /// Good replies per second of the measured time.
    pub operations_per_s: f64,
    /// The measured time, in seconds.
    pub duration_s: f64,
    /// When rct stopped the run because it had no good reply and many errors, in seconds from the start; null otherwise.
    #[serde(default)]
    pub stopped_after_s: Option<f64>,
    /// Good replies in the measured time to operations that were planned before it; nothing else counts them.
    pub late_operations: u64,
    /// User and system time of this process in the measured time, in seconds.
    #[serde(skip)]
    pub cpu_s: f64,
    /// User and system time of this process in the measured time, per operation.
    pub client_cpu_us_per_operation: f64,
    /// The most memory that this process used, in MB.
    pub client_memory_mb: f64,
    /// How long the connections took until they were ready, in seconds.
    pub connect_s: f64,
    /// Replies and other outcomes by class; an operation that rct sends again counts each time.
    pub outcomes: BTreeMap<String, u64>,
    /// Errors that have no class of their own, by first word.
    pub error_codes: BTreeMap<String, u64>,
    /// The first text of each class of errors, by first word, and of failed connections (`refused` and `timeout`); at
    /// most 200 bytes each.
    #[serde(default)]
    pub error_texts: BTreeMap<String, String>,
    /// Operations that ended without a good reply, those included that rct could not send.
    pub failed: u64,
    /// The same, by the last problem of each; `queued` found no free connection to their node in time.
    #[serde(default)]
    pub unanswered: BTreeMap<String, u64>,
    /// Planned operations that the generator never reached, because it was too slow itself.
    pub not_sent: u64,
    /// The share of reads that found something; null without reads.
    pub hit_ratio: Option<f64>,
    /// Whether the generator kept up, so that the numbers describe the servers.
    pub valid: bool,
    /// Why they do not.
    pub invalid_because: Vec<String>,
    /// Times of all operations.
    pub latency_us: Latencies,
    /// How these times are distributed, for charts.
    #[serde(default)]
    pub distributions: Distributions,
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
    /// The number of windows before that hour.
    pub windows_dropped: u64,
    /// The outages of the shards after each event; empty if there was no event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<Outage>,
    /// The stalls of the shards, if the run looked for them.
    #[serde(skip)]
    pub stalls: Vec<Stall>,
    /// What rct verified; null without `--verify`.
    #[serde(default)]
    pub verify: Option<VerifyReport>,
    /// How many replicas confirmed the writes; null without `--wait`.
    #[serde(default)]
    pub wait: Option<WaitReport>,
    /// All response times; in open loop also those without a good reply.
    #[serde(skip, default = "times")]
    pub response: AllTimes,
    /// All service times.
    #[serde(skip, default = "times")]
    pub service: AllTimes,
}

/// The percentiles of each measure.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Latencies {
    /// From the planned instant to the good reply, of every planned operation. Operations without a good reply rank
    /// above the others. In closed loop it has good replies only, and counts from the sending.
    pub response: Percentiles,
    /// The same, of good replies only.
    #[serde(default)]
    pub answered: Percentiles,
    /// From the last sending to the good reply.
    pub service: Percentiles,
    /// From the planned instant until the generator reached the operation; zero in closed loop.
    pub send_lag: Percentiles,
    /// From the planned instant until rct gave up an operation without a good reply.
    pub failed: Percentiles,
}

/// Percentiles in microseconds; zeros where nothing was recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many operations there are.
    pub count: u64,
    /// How many of them got no good reply.
    #[serde(default)]
    pub unanswered: u64,
    /// The names of those percentiles that fall among them. Their values are the least possible.
    #[serde(default)]
    pub no_answer: Vec<String>,
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
    /// The largest.
    pub max: f64,
}

/// The numbers of a command.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NodeReport {
    /// Its id, if the cluster announced one.
    pub id: Option<String>,
    /// The address to which rct connected.
    pub address: String,
    /// `primary`, `replica`, or `gone` if it serves nothing at the end.
    pub role: String,
    /// Operations that open loop planned for it. After a redirect another node may answer.
    #[serde(default)]
    pub planned: u64,
    /// Good replies.
    pub operations: u64,
    /// Replies and other outcomes by class.
    pub outcomes: BTreeMap<String, u64>,
    /// Operations that ended at it without a good reply.
    pub failed: u64,
    /// The same, by the last problem of each.
    #[serde(default)]
    pub unanswered: BTreeMap<String, u64>,
    /// Operations that were planned for it and that the generator never reached.
    pub not_sent: u64,
    /// The longest time without a good reply while operations were in flight or waited, in seconds. rct looks at least 20
    /// times per second, and shorter silences are zero.
    #[serde(default)]
    pub longest_silence_s: f64,
    /// Response times.
    pub response_us: Percentiles,
    /// Service times.
    pub service_us: Percentiles,
}

/// The numbers of a step of the rate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// The planned rate.
    pub offered_per_s: Option<f64>,
    /// Operations that were planned in it.
    #[serde(default)]
    pub planned: u64,
    /// Good replies per second to operations that were planned in it.
    pub operations_per_s: f64,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// Planned operations that the generator never reached.
    pub not_sent: u64,
    /// Response times; of several steps they are exact to 1 %.
    pub response_us: Percentiles,
    /// Send lag.
    pub send_lag_us: Percentiles,
}

/// The numbers of slots.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SlotsReport {
    /// The number of slots with a good reply.
    pub used: usize,
    /// The slots with the most good replies, the busiest first.
    pub busiest: Vec<SlotReport>,
    /// The slots with the most redirects; at most as many as there are in `busiest`.
    pub redirected: Vec<SlotReport>,
    /// How many slots had redirects.
    pub redirected_count: usize,
    /// All slots, for the heat map.
    #[serde(default)]
    pub cells: SlotCells,
    /// Every slot with a reply or an error, by number.
    #[serde(skip)]
    pub all: Vec<SlotReport>,
}

/// The counts of all slots, [`SLOTS_PER_CELL`] at a time, in the order of their numbers. A list of zeros is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotCells {
    /// Good replies.
    pub operations: Vec<u64>,
    /// MOVED and ASK.
    pub redirects: Vec<u64>,
    /// All other errors.
    pub errors: Vec<u64>,
}

/// The numbers of a slot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SlotReport {
    /// The slot.
    pub slot: usize,
    /// Good replies.
    pub operations: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other errors.
    pub errors: u64,
}
