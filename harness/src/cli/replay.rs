//! `rct report` and `rct compare`: show runs that have ended.

use std::path::Path;

use super::args::{Compare, Report, ReportFormat};
use super::failure::Failure;
use super::out;
use crate::record::AnyRecord;
use crate::record::ExitStatus;
use crate::record::GateRecord;
use crate::record::LoadRecord;
use crate::record::Record;
use crate::record::ReportError;
use crate::record::file::to_json;
use crate::report::compare::Comparison;
use crate::report::load;
use crate::report::terminal::{self, Style};
use crate::report::{compare, html, junit, markdown};
use crate::runner::gate::{Gate, GateError, judge_comparison, status};

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

/// `rct compare`. Two runs of checks give status 1 if a check is worse in the later run; two load runs if a gate is missed.
pub(super) fn compare(arguments: &Compare) -> Result<ExitStatus, Failure> {
    match (AnyRecord::load(&arguments.before)?, AnyRecord::load(&arguments.after)?) {
        (AnyRecord::Conform(_), AnyRecord::Conform(_)) if !arguments.fail_if.is_empty() => Err(Failure::GateOfChecks),
        (AnyRecord::Conform(before), AnyRecord::Conform(after)) => {
            out::data(&compare::compare(&before, &after));
            let worse = Comparison::of(&before, &after).worse().next().is_some();
            Ok(if worse { ExitStatus::RuleBroken } else { ExitStatus::Success })
        }
        (AnyRecord::Load(before), AnyRecord::Load(after)) => {
            let gates = judged(&arguments.fail_if, &before, &after)?;
            out::data(&load::compare::compare(&before, &after));
            if !gates.is_empty() {
                out::data(&load::gates::lines(&gates));
            }
            Ok(status(&gates))
        }
        _ => Err(Failure::DifferentCommands),
    }
}

/// Judges the gates of a comparison; a command of either run may be named.
fn judged(texts: &[String], before: &LoadRecord, after: &LoadRecord) -> Result<Vec<GateRecord>, GateError> {
    let reports = [after, before].into_iter().filter_map(|record| record.load.as_ref());
    let commands: Vec<String> =
        reports.flat_map(|report| report.commands.iter().map(|command| command.name.clone())).collect();
    let gates: Vec<Gate> = texts.iter().map(|text| Gate::of_comparison(text, &commands)).collect::<Result<_, _>>()?;
    Ok(judge_comparison(&gates, before, after))
}
