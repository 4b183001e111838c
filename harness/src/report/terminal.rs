//! The report that people read as the run goes: standard output of `rct conform`.
//!
//! On a terminal, checks that pass show only in the progress bar (see [`super::progress`]); elsewhere, as in a CI log,
//! each check has its line. What needs attention is told at once and in full, and again at the end in brief.

mod failure;
mod paint;
mod status;
mod summary;

use std::io::{IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use terminal_size::terminal_size_of;
use unicode_width::UnicodeWidthStr;

use crate::record::ReportError;
use crate::record::{CheckRecord, Record, Verdict};
use crate::record::{Event, Reporter};
use status::Position;

/// The columns of an output that is no terminal: no line of a log is cut that a person would still read.
const COLUMNS_WITHOUT_TERMINAL: usize = 400;

/// The narrowest and the widest column of check ids; longer ids push the rest of their line.
const ID_COLUMNS: RangeInclusive<usize> = 37..=48;

/// How the report looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// How wide a line may be, in columns.
    pub columns: usize,
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether checks that passed have their line too.
    pub every_check: bool,
}

impl Look {
    /// Returns the look that fits standard output: a terminal has its width and colours, unless `NO_COLOR` is set.
    pub fn of_stdout(verbose: bool) -> Self {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let width = terminal_size_of(&stdout).filter(|_| is_terminal).map(|(width, _)| usize::from(width.0));
        Self {
            columns: width.unwrap_or(COLUMNS_WITHOUT_TERMINAL),
            colour: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
            every_check: verbose || !is_terminal,
        }
    }
}

/// Writes the report of a run for people.
pub struct Terminal<W> {
    out: W,
    look: Look,
    folder: Option<PathBuf>,
    bar: ProgressBar,
}

impl<W: Write> Terminal<W> {
    /// Returns a reporter that writes to `out`, names evidence by the run's `folder`, and keeps clear of `bar`.
    pub fn new(out: W, look: Look, folder: Option<PathBuf>, bar: ProgressBar) -> Self {
        Self { out, look, folder, bar }
    }

    fn check(&mut self, check: &CheckRecord, record: &Record) -> Result<(), ReportError> {
        // The record has the check with its texts cut to size and its transcript named.
        let place = record.checks.binary_search_by(|other| other.id.cmp(&check.id));
        let check = place.map_or(check, |place| &record.checks[place]);
        let lines = check_lines(check, record.checks.len(), record, self.folder.as_deref(), self.look);
        self.write(&lines)
    }

    fn write(&mut self, lines: &[String]) -> Result<(), ReportError> {
        let out = &mut self.out;
        self.bar.suspend(|| {
            for line in lines {
                writeln!(out, "{line}")?;
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
            Event::RunFinished { .. } => self.write(&summary::lines(record, self.folder.as_deref(), self.look)),
            _ => Ok(()),
        }
    }
}

/// Returns the report of a run that was read back, as the run itself showed it.
pub fn render(record: &Record, folder: Option<&Path>, look: Look) -> String {
    let checks = record.checks.iter().enumerate();
    let checks = checks.flat_map(|(place, check)| check_lines(check, place + 1, record, folder, look));
    checks.chain(summary::lines(record, folder, look)).map(|line| line + "\n").collect()
}

/// Returns the lines of one check that ended as the run's `number`th.
fn check_lines(check: &CheckRecord, number: usize, record: &Record, folder: Option<&Path>, look: Look) -> Vec<String> {
    if check.verdict == Verdict::Pass && !look.every_check {
        return Vec::new();
    }
    let position = Position { number, total: record.planned() };
    let mut lines = vec![status::line(check, position, id_columns(record), look)];
    if failure::is_due(check) {
        lines.extend(failure::block(check, record, folder, look));
    }
    lines
}

/// Returns the width of the column of ids: that of the longest, within bounds.
fn id_columns(record: &Record) -> usize {
    let ids = record.checks.iter().map(|check| check.id.as_str()).chain(record.not_run.iter().map(String::as_str));
    ids.map(UnicodeWidthStr::width).max().unwrap_or(0).clamp(*ID_COLUMNS.start(), *ID_COLUMNS.end())
}
