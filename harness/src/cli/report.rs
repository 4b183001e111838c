//! `rct report`: shows a run that has ended, in any format.

use std::path::Path;

use super::args::{Report, ReportFormat};
use super::failure::Failure;
use super::out;
use crate::record::file::{latest_run, to_json};
use crate::record::{AnyRecord, ExitStatus, LoadRecord, Record, ReportError};
use crate::report::load;
use crate::report::terminal::{self, Style};
use crate::report::{csv, html, junit, markdown};

/// The folder in which rct looks for the latest run.
const RESULTS: &str = "results";

/// Prints the report of a run.
pub(super) fn run(arguments: &Report) -> Result<ExitStatus, Failure> {
    let run = match &arguments.run {
        Some(run) => run.clone(),
        None => latest_run(Path::new(RESULTS)).ok_or(Failure::NoRun { folder: RESULTS })?,
    };
    let folder = if run.is_dir() { Some(run.as_path()) } else { run.parent() };
    let text = match AnyRecord::load(&run)? {
        AnyRecord::Conform(record) => of_conform(&record, folder, arguments.format),
        AnyRecord::Load(record) => of_load(&record, folder, arguments.format),
    };
    match arguments.format {
        ReportFormat::Human => out::text(&text?),
        _ => out::data(&text?),
    }
    Ok(ExitStatus::Success)
}

fn of_conform(record: &Record, folder: Option<&Path>, format: ReportFormat) -> Result<String, ReportError> {
    Ok(match format {
        ReportFormat::Human => terminal::render(record, folder, Style::of_stdout(false)),
        ReportFormat::Json => to_json(record)?,
        ReportFormat::Junit => junit::render(record)?,
        ReportFormat::Markdown => markdown::render(record),
        ReportFormat::Html => html::render(record, folder),
        ReportFormat::Csv => csv::render(record),
    })
}

fn of_load(record: &LoadRecord, folder: Option<&Path>, format: ReportFormat) -> Result<String, ReportError> {
    Ok(match format {
        ReportFormat::Human => load::table(record, folder, out::columns()),
        ReportFormat::Json => to_json(record)?,
        ReportFormat::Junit => load::junit::render(record)?,
        ReportFormat::Markdown => load::markdown::render(record),
        ReportFormat::Html => load::html::render(record),
        ReportFormat::Csv => load::csv::render(record),
    })
}
