//! `rct report` and `rct compare`: show runs that have ended.

use std::path::Path;

use super::args::{Compare, Report, ReportFormat};
use super::failure::Failure;
use super::out;
use crate::record::AnyRecord;
use crate::record::ExitStatus;
use crate::record::LoadRecord;
use crate::record::Record;
use crate::record::ReportError;
use crate::record::file::to_json;
use crate::report::compare::Comparison;
use crate::report::load;
use crate::report::terminal::{self, Style};
use crate::report::{compare, html, junit, markdown};

/// `rct report`
pub(super) fn report(arguments: &Report) -> Result<ExitStatus, Failure> {
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

/// `rct compare`. Two runs of checks give status 1 if a check is worse in the later run; two load runs give status 0.
pub(super) fn compare(arguments: &Compare) -> Result<ExitStatus, Failure> {
    match (AnyRecord::load(&arguments.before)?, AnyRecord::load(&arguments.after)?) {
        (AnyRecord::Conform(before), AnyRecord::Conform(after)) => {
            out::data(&compare::compare(&before, &after));
            let worse = Comparison::of(&before, &after).worse().next().is_some();
            Ok(if worse { ExitStatus::RuleBroken } else { ExitStatus::Success })
        }
        (AnyRecord::Load(before), AnyRecord::Load(after)) => {
            out::data(&load::compare::compare(&before, &after));
            Ok(ExitStatus::Success)
        }
        _ => Err(Failure::DifferentCommands),
    }
}
