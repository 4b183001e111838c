//! The verdict of a gate: what `run.json` says about each `--fail-if`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One gate of a load run, and whether the run passed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateRecord {
    /// The expression as typed; the run misses the gate if it is true.
    pub expression: String,
    /// The value of its metric, in `unit`; null if the run has no such value.
    pub value: Option<f64>,
    /// Whether the value is a percentile of operations without a good reply, and so the least possible.
    #[serde(default)]
    pub no_answer: bool,
    /// What the value counts.
    pub unit: GateUnit,
    /// The address of the node that has this value, if the metric belongs to nodes.
    pub node: Option<String>,
    /// Whether the run passed the gate.
    pub verdict: GateVerdict,
    /// Why rct cannot judge the gate; null if it can.
    pub reason: Option<String>,
}

/// What the value of a gate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateUnit {
    /// Microseconds.
    Us,
    /// A share of a whole, from 0 to 1.
    Share,
    /// A count, a rate per second, or megabytes.
    Plain,
    /// The value of the later run divided by that of the earlier run.
    Ratio,
}

/// Whether a run passed a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// The expression is false.
    Passed,
    /// The expression is true.
    Missed,
    /// The run is not valid, or it has no such value.
    NotJudged,
}
