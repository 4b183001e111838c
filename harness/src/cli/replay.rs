//! `rct report` and `rct compare`: earlier runs, read back.

use std::fs;
use std::path::Path;

use super::args::{Compare, Report, ReportFormat};
use super::{Failure, out};
use crate::exit::ExitStatus;
use crate::report::compare::Comparison;
use crate::report::load::SUMMARY_FILE;
use crate::report::record::Record;
use crate::report::terminal::{self, Look};
use crate::report::{compare, html, json, junit, markdown};
use crate::results::RUN_FILE;

/// `rct report`
pub(super) fn report(arguments: &Report) -> Result<ExitStatus, Failure> {
    let folder = if arguments.run.is_dir() { Some(arguments.run.as_path()) } else { arguments.run.parent() };
    if let Some(folder) = folder.filter(|folder| folder.join(SUMMARY_FILE).is_file()) {
        return report_load(folder, arguments.format);
    }
    let record = load(&arguments.run)?;
    let text = match arguments.format {
        ReportFormat::Human => terminal::render(&record, folder, Look::of_stdout(false)),
        ReportFormat::Json => json::render(&record).map_err(Failure::usage)?,
        ReportFormat::Junit => junit::render(&record).map_err(Failure::usage)?,
        ReportFormat::Markdown => markdown::render(&record),
        ReportFormat::Html => html::render(&record),
    };
    out::data(&text);
    Ok(ExitStatus::Success)
}

/// A run of load: its table, or its record.
fn report_load(folder: &Path, format: ReportFormat) -> Result<ExitStatus, Failure> {
    let file = match format {
        ReportFormat::Human => SUMMARY_FILE,
        ReportFormat::Json => RUN_FILE,
        _ => return Err(Failure::usage("report a run of load: --format human and json are what it has")),
    };
    let path = folder.join(file);
    let text =
        fs::read_to_string(&path).map_err(|error| Failure::usage(format!("read {}: {error}", path.display())))?;
    out::data(&text);
    Ok(ExitStatus::Success)
}

/// `rct compare`: status 1 if a check is worse in the later run.
pub(super) fn compare(arguments: &Compare) -> Result<ExitStatus, Failure> {
    let (before, after) = (load(&arguments.before)?, load(&arguments.after)?);
    out::data(&compare::compare(&before, &after));
    let worse = Comparison::of(&before, &after).worse().next().is_some();
    Ok(if worse { ExitStatus::RuleBroken } else { ExitStatus::Success })
}

fn load(path: &Path) -> Result<Record, Failure> {
    Record::load(path).map_err(Failure::usage)
}
