//! `latency.hlog`: one line per second and command, in the format that HdrHistogram tools read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use loadgen::histograms::{log_head, log_lines};

use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::record::{LoadRecord, ReportError};

const LOG_FILE: &str = "latency.hlog";

/// Writes the interval log while the run goes.
pub struct IntervalLog {
    path: PathBuf,
    log: BufWriter<File>,
}

impl IntervalLog {
    /// Begins the log in a run's folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn create(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join(LOG_FILE);
        let file = File::create(&path).map_err(|source| ReportError::write(&path, source))?;
        Ok(Self { path, log: BufWriter::new(file) })
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), ReportError> {
        let written = self.log.write_all(lines).and_then(|()| self.log.flush());
        written.map_err(|source| ReportError::write(&self.path, source))
    }
}

impl LoadReporter for IntervalLog {
    fn event(&mut self, event: &LoadEvent<'_>, _record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::Connected { at, .. } => {
                let since = Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
                self.write(log_head(since).as_bytes())
            }
            LoadEvent::SecondEnded { progress, lanes, commands } => {
                let lines = log_lines(progress, lanes, commands);
                let lines = lines.map_err(|source| ReportError::write(&self.path, source))?;
                self.write(&lines)
            }
            _ => Ok(()),
        }
    }
}
