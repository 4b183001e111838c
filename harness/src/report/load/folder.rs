//! The folder of a load run: `run.json`, the reports, and the files of numbers.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use loadgen::LoadReport;
use loadgen::histograms::percentile_text;
use loadgen::read_back::BadKey;

use super::table::table;
use super::{html, junit, markdown};
use crate::record::error::ReportError;
use crate::record::file::{replace, to_json};
use crate::record::layout::RUN_FILE;
use crate::record::load::LoadRecord;
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::report::terminal::COLUMNS_WITHOUT_TERMINAL;
use crate::text::push;

/// The file that holds the table at the end.
const SUMMARY_FILE: &str = "summary.txt";

/// The file that holds the counts of every slot.
const SLOTS_FILE: &str = "slots.csv";

/// The file that lists the keys whose values were wrong after the load.
const BAD_KEYS_FILE: &str = "lost-keys.txt";

/// Writes a load run's folder when the cluster is up, and when the run has ended.
pub struct LoadFolder {
    path: PathBuf,
    bad_keys: Option<BufWriter<File>>,
}

impl LoadFolder {
    /// Returns the reporter that writes into a folder.
    pub fn new(path: PathBuf) -> Self {
        Self { path, bad_keys: None }
    }
}

impl LoadReporter for LoadFolder {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::TargetReady => write_files(&self.path, record),
            LoadEvent::RunFinished => {
                let flushed = self.bad_keys.take().map_or(Ok(()), |mut file| file.flush());
                flushed.map_err(|source| ReportError::write(&self.path.join(BAD_KEYS_FILE), source))?;
                write_files(&self.path, record)
            }
            LoadEvent::BadKey { key, event } => {
                self.list(key, *event).map_err(|source| ReportError::write(&self.path.join(BAD_KEYS_FILE), source))
            }
            _ => Ok(()),
        }
    }
}

impl LoadFolder {
    /// Adds a key to the list, which begins with the first one.
    fn list(&mut self, bad: &BadKey, event: Option<usize>) -> io::Result<()> {
        let file = match &mut self.bad_keys {
            Some(file) => file,
            none => {
                let mut file = BufWriter::new(File::create(self.path.join(BAD_KEYS_FILE))?);
                writeln!(file, "# key\tslot\tnode\twrong\texpected write\tfound write\tacknowledged at s\tevent")?;
                none.insert(file)
            }
        };
        let counter = |counter: Option<u32>| counter.map_or("-".to_owned(), |counter| counter.to_string());
        let acknowledged = bad.acknowledged_s.map_or("-".to_owned(), |at_s| format!("{at_s:.4}"));
        let (expected, found) = (counter(bad.expected), counter(bad.found));
        let event = event.map_or("-".to_owned(), |event| event.to_string());
        let BadKey { key, slot, node, what, .. } = bad;
        writeln!(file, "{key}\t{slot}\t{node}\t{what}\t{expected}\t{found}\t{acknowledged}\t{event}")
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
        replace(&folder.join(SUMMARY_FILE), &table(record, Some(folder), COLUMNS_WITHOUT_TERMINAL))?;
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
