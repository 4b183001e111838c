//! The record itself on standard output: `--format json`.

use std::io::Write;

use super::error::ReportError;
use super::record::Record;
use crate::runner::event::{Event, Reporter};

/// Returns the content of `run.json`.
///
/// # Errors
///
/// Never for a record that was grown by events; a record with numbers that are not finite cannot be written.
pub fn render(record: &Record) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(record).map_err(|error| ReportError::Output(error.into()))?;
    text.push('\n');
    Ok(text)
}

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
            self.out.write_all(render(record)?.as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }
}
