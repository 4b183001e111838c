//! The record of a load run: what `run.json` of `rct load` holds.

use jiff::Timestamp;
use loadgen::LoadReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::exit::Ended;
use super::fault::FaultRecord;
use super::gate::GateRecord;
use super::host::HostRecord;
use super::layout::SCHEMA;
use super::part::{MergedRecord, PartRecord};
use super::target::TargetRecord;

/// The kind of a load run in `run.json`.
pub const KIND: &str = "load";

/// Everything that is known about one run of load, as `run.json` holds it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LoadRecord {
    /// The version of this format.
    pub schema: u32,
    /// Always `load`.
    #[schemars(extend("const" = "load"))]
    pub kind: String,
    /// The version of rct.
    pub rct: String,
    /// When the run started, in UTC.
    pub started: Timestamp,
    /// How long the run took so far, bring-up included, in seconds.
    pub duration_s: f64,
    /// The seed of every random choice. Each of several generators derives its own from it.
    pub seed: u64,
    /// Which generator of the run this is; absent if there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartRecord>,
    /// The parts of which `rct merge` made this run; absent if one generator made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<MergedRecord>,
    /// How the run ended, or that it has not.
    pub ended: Ended,
    /// Why the run ended before its time, in one or two lines.
    pub problem: Option<String>,
    /// The exit status, once the run has ended.
    pub exit_status: Option<u8>,
    /// The command line as typed, without secrets.
    pub command: Vec<String>,
    /// The machine on which rct ran.
    #[serde(default)]
    pub host: Option<HostRecord>,
    /// What was under load.
    pub target: TargetRecord,
    /// The numbers, once there are any.
    pub load: Option<LoadReport>,
    /// The faults and changes during the run, in the order of their planned instants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<FaultRecord>,
    /// The gates of `--fail-if`, and their verdicts.
    #[serde(default)]
    pub gates: Vec<GateRecord>,
}

impl LoadRecord {
    /// The record of a run that is about to begin.
    pub fn new(started: Timestamp, seed: u64, target: TargetRecord) -> Self {
        Self {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            rct: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            duration_s: 0.0,
            seed,
            part: None,
            merged: None,
            ended: Ended::Running,
            problem: None,
            exit_status: None,
            command: Vec::new(),
            host: None,
            target,
            load: None,
            events: Vec::new(),
            gates: Vec::new(),
        }
    }

    /// Notes how long the run took.
    pub fn close(&mut self) {
        let took = Timestamp::now().duration_since(self.started);
        self.duration_s = (took.as_secs_f64() * 1e3).round() / 1e3;
    }
}
