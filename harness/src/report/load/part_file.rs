//! `part.jsonl.gz`: what the workers of one generator handed over, for `rct merge`.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use loadgen::handover::{FORMAT, Head, Tail, Writer};

use crate::record::layout::PART_FILE;
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::record::{Ended, LoadRecord, ReportError};

/// Writes the file of a generator while the run goes.
pub struct PartFile {
    path: PathBuf,
    writer: Option<Writer<BufWriter<File>>>,
}

impl PartFile {
    /// Returns the reporter that writes into a run's folder.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(PART_FILE), writer: None }
    }

    fn take(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> io::Result<()> {
        match event {
            LoadEvent::LoadStarts { start_ns, outline } => {
                let head = Head { format: FORMAT, start_ns: *start_ns, outline: (*outline).clone() };
                self.writer = Some(Writer::new(BufWriter::new(File::create(&self.path)?), &head)?);
            }
            LoadEvent::HandedOver { interval } => {
                self.writer.as_mut().map_or(Ok(()), |writer| writer.interval(interval))?;
            }
            LoadEvent::RunFinished => {
                if let (Some(writer), Some(report)) = (self.writer.take(), &record.load) {
                    writer.finish(&Tail::of(report, record.ended == Ended::Interrupted))?.flush()?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl LoadReporter for PartFile {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        self.take(event, record).map_err(|source| ReportError::write(&self.path, source))
    }
}
