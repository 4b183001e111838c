//! One second of a run, as `run.json` and the reports have it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ranks::Ranked;

/// A part of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The rate rises.
    Ramp,
    /// The load runs, and rct does not measure yet.
    Warmup,
    /// The measured time.
    Measure,
    /// rct plans nothing new and waits for what is in flight; good replies still count.
    Drain,
}

/// One second of a run, or less where a part ends.
///
/// In open loop an operation counts in the second in which it was planned, however late it ends. In closed loop it
/// counts in the second of its end. Redirects, errors and outcomes count when they come.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Its beginning, in seconds from the start.
    pub at_s: f64,
    /// Its length, in seconds.
    pub length_s: f64,
    /// The part of the run.
    pub part: Part,
    /// Planned operations; in closed loop those that ended.
    #[serde(default)]
    pub planned: u64,
    /// Operations with a good reply.
    pub operations: u64,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// The same, by the last problem of each; `queued` were never sent.
    #[serde(default)]
    pub unanswered: BTreeMap<String, u64>,
    /// Planned operations that the generator never reached.
    pub not_sent: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other errors.
    pub errors: u64,
    /// The classes of problems that occurred, by name.
    pub outcomes: BTreeMap<String, u64>,
    /// Response times in microseconds; in open loop of all planned operations.
    pub response_us: Option<Brief>,
    /// The nodes for which operations were planned, or that answered.
    pub nodes: Vec<NodeWindow>,
}

/// One second of one node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NodeWindow {
    /// Its address.
    pub address: String,
    /// Operations that open loop planned for it. After a redirect another node may answer.
    #[serde(default)]
    pub planned: u64,
    /// Operations with a good reply of this node.
    pub operations: u64,
    /// Operations that ended at this node without a good reply.
    #[serde(default)]
    pub failed: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other errors.
    pub errors: u64,
    /// Planned operations that the generator never reached.
    pub not_sent: u64,
    /// Response times in microseconds; in open loop those without a good reply included.
    pub response_us: Option<Brief>,
}

/// Four numbers of a histogram, in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// The median.
    pub p50: f64,
    /// The 90th percentile; null in runs of rct 0.1.0.
    #[serde(default)]
    pub p90: Option<f64>,
    /// The 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// Those of the four that fall among operations without a good reply: their value is the least possible.
    #[serde(default)]
    pub no_answer: Vec<String>,
}

impl Brief {
    /// Takes the numbers of ranked times; `None` if there are none.
    pub(crate) fn of(ranked: &Ranked) -> Option<Self> {
        let us = |quantile| ranked.at(quantile).us;
        let is_ours = |name: &String| matches!(&**name, "p50" | "p90" | "p99" | "max");
        let no_answer = ranked.no_answer().into_iter().filter(is_ours).collect();
        (ranked.count() > 0).then(|| Self { p50: us(0.5), p90: Some(us(0.9)), p99: us(0.99), max: us(1.0), no_answer })
    }
}
