//! `rct report`: shows a run that has ended, in any format.

use std::path::Path;

use super::args::{Report, ReportFormat};
use super::failure::Failure;
use super::out;
use crate::record::file::to_json;
use crate::record::{AnyRecord, ExitStatus, LoadRecord, Record, ReportError};
use crate::report::load;
use crate::report::terminal::{self, Style};
use crate::report::{html, junit, markdown};

/// Prints the report of a run.
pub(super) fn run(arguments: &Report) -> Result<ExitStatus, Failure> {
    let folder = if arguments.run.is_dir() { Some(arguments.run.as_path()) } else { arguments.run.parent() };
    let text = match AnyRecord::load(&arguments.run)? {
        AnyRecord::Conform(record) => of_conform(&record, folder, arguments.format),
        AnyRecord::Load(record) => of_load(&record, folder, arguments.format),
    };
    out::data(&text?);
    Ok(ExitStatus::Success)
}

fn of_conform(record: &Record, folder: Option<&Path>, format: ReportFormat) -> Result<String, ReportError> {
    Ok(match format {
        ReportFormat::Human => terminal::render(record, folder, Style::of_stdout(false)),
        ReportFormat::Json => to_json(record)?,
        ReportFormat::Junit => junit::render(record)?,
        ReportFormat::Markdown => markdown::render(record),
        ReportFormat::Html => html::render(record),
    })
}

fn of_load(record: &LoadRecord, folder: Option<&Path>, format: ReportFormat) -> Result<String, ReportError> {
    Ok(match format {
        ReportFormat::Human => load::table(record, folder),
        ReportFormat::Json => to_json(record)?,
        ReportFormat::Junit => load::junit::render(record)?,
        ReportFormat::Markdown => load::markdown::render(record),
        ReportFormat::Html => load::html::render(record),
    })
}
