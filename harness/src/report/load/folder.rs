//! The folder of a load run: `run.json`, the reports, and the files of numbers.

use std::fs;
use std::path::{Path, PathBuf};

use loadgen::LoadReport;
use loadgen::histograms::percentile_text;

use super::table::table;
use super::{html, junit, markdown};
use crate::record::error::ReportError;
use crate::record::file::{replace, to_json};
use crate::record::layout::RUN_FILE;
use crate::record::load::LoadRecord;
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::text::push;

/// The file that holds the table at the end.
const SUMMARY_FILE: &str = "summary.txt";

/// The file that holds the counts of every slot.
const SLOTS_FILE: &str = "slots.csv";

/// Writes a load run's folder when the cluster is up, and when the run has ended.
pub struct LoadFolder {
    path: PathBuf,
}

impl LoadFolder {
    /// Returns the reporter that writes into a folder.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl LoadReporter for LoadFolder {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::TargetReady | LoadEvent::RunFinished => write_files(&self.path, record),
            _ => Ok(()),
        }
    }
}

/// Writes `run.json` and every report that is a function of it, and once there are numbers the percentile texts.
///
/// # Errors
///
/// The file that could not be written.
fn write_files(folder: &Path, record: &LoadRecord) -> Result<(), ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::write(folder, source))?;
    replace(&folder.join(RUN_FILE), &to_json(record)?)?;
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
