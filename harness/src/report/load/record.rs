//! `run.json` of a run of load, and the files that go with it.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use loadgen::LoadReport;
use loadgen::histograms::percentile_text;
use serde::{Deserialize, Serialize};

use super::table::table;
use super::{html, junit, markdown};
use crate::report::error::ReportError;
use crate::report::record::{Ended, SCHEMA, TargetRecord};
use crate::report::text::push;
use crate::results::{RUN_FILE, replace};

/// The kind of a run of load in `run.json`.
pub const LOAD: &str = "load";
/// The file that holds the table at the end.
pub const SUMMARY_FILE: &str = "summary.txt";

/// The file that holds the counts of every slot.
const SLOTS_FILE: &str = "slots.csv";

/// Everything that is known about one run of load, as `run.json` holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadRecord {
    /// The version of this format.
    pub schema: u32,
    /// Always `load`.
    pub kind: String,
    /// The version of rct.
    pub rct: String,
    /// When the run started, in UTC.
    pub started: Timestamp,
    /// How long the run took so far, bring-up included, in seconds.
    pub duration_s: f64,
    /// The seed of every random choice.
    pub seed: u64,
    /// How the run ended, or that it has not.
    pub ended: Ended,
    /// Why the run ended before its time, in one or two lines.
    pub problem: Option<String>,
    /// The exit status, once the run has ended.
    pub exit_status: Option<u8>,
    /// The command line as typed, without secrets.
    pub command: Vec<String>,
    /// What was under load.
    pub target: TargetRecord,
    /// The numbers, once there are any.
    pub load: Option<LoadReport>,
}

impl LoadRecord {
    /// The record of a run that is about to begin.
    pub fn new(started: Timestamp, seed: u64, target: TargetRecord) -> Self {
        Self {
            schema: SCHEMA,
            kind: LOAD.to_owned(),
            rct: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            duration_s: 0.0,
            seed,
            ended: Ended::Running,
            problem: None,
            exit_status: None,
            command: Vec::new(),
            target,
            load: None,
        }
    }

    /// Notes how long the run took.
    pub fn close(&mut self) {
        let took = Timestamp::now().duration_since(self.started);
        self.duration_s = (took.as_secs_f64() * 1e3).round() / 1e3;
    }

    /// The content of `run.json`.
    ///
    /// # Errors
    ///
    /// Never but for numbers that are not finite, of which there are none.
    pub fn json(&self) -> Result<String, ReportError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| ReportError::Output(error.into()))?;
        text.push('\n');
        Ok(text)
    }
}

/// Writes `run.json` and every report that is a function of it, and once there are numbers the percentile texts.
///
/// # Errors
///
/// The file that could not be written.
pub fn files(folder: &Path, record: &LoadRecord) -> Result<(), ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::Write { path: folder.to_owned(), source })?;
    replace(&folder.join(RUN_FILE), &record.json()?)?;
    if let Some(report) = &record.load {
        replace(&folder.join("junit.xml"), &junit::render(record)?)?;
        replace(&folder.join("summary.md"), &markdown::render(record))?;
        replace(&folder.join("report.html"), &html::render(record))?;
        replace(&folder.join("response.hgrm"), &percentile_text(&report.response))?;
        replace(&folder.join(SLOTS_FILE), &slots(report))?;
        replace(&folder.join("service.hgrm"), &percentile_text(&report.service))?;
        replace(&folder.join(SUMMARY_FILE), &table(record, Some(folder)))?;
    }
    Ok(())
}

/// The counts of every slot of which something was heard.
fn slots(report: &LoadReport) -> String {
    let mut text = "slot,operations,redirects,errors\n".to_owned();
    for slot in &report.slots.all {
        push(&mut text, format_args!("{},{},{},{}\n", slot.slot, slot.operations, slot.redirects, slot.errors));
    }
    text
}
