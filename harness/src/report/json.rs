//! The record itself on standard output: `--format json`.

use std::io::Write;

use crate::record::Record;
use crate::record::ReportError;
use crate::record::file::to_json;
use crate::record::{Event, Reporter};

/// Writes the record once the run has ended, and nothing else.
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    /// Returns a reporter that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError> {
        if let Event::RunFinished { .. } = event {
            self.out.write_all(to_json(record)?.as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }
}
