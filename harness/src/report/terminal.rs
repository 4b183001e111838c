//! The report that people read as the run goes: standard output of `rct conform`.
//!
//! On a terminal, checks that pass show only in the progress bar (see [`super::progress`]); elsewhere, as in a CI log,
//! each check has its line. Problems are printed in full at once, and in brief at the end.

mod failure;
mod paint;
mod status;
mod style;
mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use unicode_width::UnicodeWidthStr;

use crate::record::ReportError;
use crate::record::{CheckRecord, Record, Verdict};
use crate::record::{Event, Reporter};
use crate::text::fit;
use status::Position;
use style::ID_COLUMNS;
pub use style::{COLUMNS_WITHOUT_TERMINAL, Style};

/// Writes the report of a run for people.
pub struct Terminal<W> {
    out: W,
    style: Style,
    folder: Option<PathBuf>,
    bar: ProgressBar,
}

impl<W: Write> Terminal<W> {
    /// Returns a reporter that writes to `out`, names evidence by the run's `folder`, and keeps clear of `bar`.
    pub fn new(out: W, style: Style, folder: Option<PathBuf>, bar: ProgressBar) -> Self {
        Self { out, style, folder, bar }
    }

    fn check(&mut self, check: &CheckRecord, record: &Record) -> Result<(), ReportError> {
        // The record has the check with its texts cut to size and its transcript named.
        let place = record.checks.binary_search_by(|other| other.id.cmp(&check.id));
        let check = place.map_or(check, |place| &record.checks[place]);
        let lines = check_lines(check, record.checks.len(), record, self.folder.as_deref(), self.style);
        self.write(&lines)
    }

    fn write(&mut self, lines: &[String]) -> Result<(), ReportError> {
        let out = &mut self.out;
        // Only a terminal gets lines that are broken: a log keeps commands and paths whole.
        let columns = Some(self.style.columns).filter(|columns| *columns < COLUMNS_WITHOUT_TERMINAL);
        self.bar.suspend(|| {
            for line in lines {
                match columns {
                    Some(columns) => writeln!(out, "{}", fit(line, columns))?,
                    None => writeln!(out, "{line}")?,
                }
            }
            out.flush()
        })?;
        Ok(())
    }
}

impl<W: Write> Reporter for Terminal<W> {
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError> {
        match event {
            Event::CheckFinished { check, .. } => self.check(check, record),
            Event::RunFinished { .. } => self.write(&summary::lines(record, self.folder.as_deref(), self.style)),
            _ => Ok(()),
        }
    }
}

/// Returns the report of a run that was read back, as the run itself showed it.
pub fn render(record: &Record, folder: Option<&Path>, style: Style) -> String {
    let checks = record.checks.iter().enumerate();
    let checks = checks.flat_map(|(place, check)| check_lines(check, place + 1, record, folder, style));
    checks.chain(summary::lines(record, folder, style)).map(|line| line + "\n").collect()
}

/// Returns the lines of one check that ended as the run's `number`th.
fn check_lines(
    check: &CheckRecord,
    number: usize,
    record: &Record,
    folder: Option<&Path>,
    style: Style,
) -> Vec<String> {
    let is_wanted = match style.is_brief {
        true => failure::is_due(check),
        false => check.verdict != Verdict::Pass || style.every_check,
    };
    if !is_wanted {
        return Vec::new();
    }
    let position = Position { number, total: record.planned() };
    let mut lines = status::lines(check, position, id_columns(record), style);
    if failure::is_due(check) {
        lines.extend(failure::block(check, record, folder, style));
    }
    lines
}

/// Returns the width of the column of ids: that of the longest, within bounds.
fn id_columns(record: &Record) -> usize {
    let ids = record.checks.iter().map(|check| check.id.as_str()).chain(record.not_run.iter().map(String::as_str));
    ids.map(UnicodeWidthStr::width).max().unwrap_or(0).clamp(*ID_COLUMNS.start(), *ID_COLUMNS.end())
}
