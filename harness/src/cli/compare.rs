//! `rct compare`: shows how two runs that have ended differ.

use super::args::{Compare, CompareFormat};
use super::failure::Failure;
use super::out;
use crate::record::{AnyRecord, ExitStatus, GateRecord, LoadRecord};
use crate::report::compare;
use crate::report::compare::Comparison;
use crate::report::load;
use crate::runner::gate::{Gate, GateError, judge_comparison, status};

/// Prints how two runs differ.
///
/// Two runs of checks give status 1 if a check is worse in the later run, and two load runs if a gate is missed.
pub(super) fn run(arguments: &Compare) -> Result<ExitStatus, Failure> {
    match (AnyRecord::load(&arguments.before)?, AnyRecord::load(&arguments.after)?) {
        (AnyRecord::Conform(_), AnyRecord::Conform(_)) if !arguments.fail_if.is_empty() => Err(Failure::GateOfChecks),
        (AnyRecord::Conform(_), AnyRecord::Conform(_)) if arguments.format == CompareFormat::Html => {
            Err(Failure::PageOfChecks)
        }
        (AnyRecord::Conform(before), AnyRecord::Conform(after)) => {
            out::text(&compare::compare(&before, &after));
            let worse = Comparison::of(&before, &after).worse().next().is_some();
            Ok(if worse { ExitStatus::RuleBroken } else { ExitStatus::Success })
        }
        (AnyRecord::Load(before), AnyRecord::Load(after)) => {
            let gates = judged(&arguments.fail_if, &before, &after)?;
            match arguments.format {
                CompareFormat::Human => {
                    out::text(&load::compare::compare(&before, &after));
                    if !gates.is_empty() {
                        out::text(&load::gates::lines(&gates));
                    }
                }
                CompareFormat::Html => out::data(&load::html::render_comparison(&before, &after, &gates)),
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
