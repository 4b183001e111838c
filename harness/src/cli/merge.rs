//! `rct merge`: makes one load run of the runs of several generators.

use super::args::Merge;
use super::failure::Failure;
use super::load::{Printer, gates_of};
use super::{out, target};
use crate::record::{AnyRecord, ExitStatus, LoadEventLine, LoadReporter};
use crate::report::folder::create_folder;
use crate::report::load::{IntervalLog, LoadFolder};
use crate::runner::gate::Gate;
use crate::runner::host::this_host;
use crate::runner::load::merge::{record_of, run as merge};
use crate::runner::load::parts::{Candidate, Parts};

/// Merges the runs, and prints the result.
pub(super) fn run(arguments: &Merge) -> Result<ExitStatus, Failure> {
    let mut runs = Vec::new();
    for path in &arguments.run {
        match AnyRecord::load(path)? {
            AnyRecord::Load(record) => runs.push(Candidate { name: path.clone(), record: *record }),
            AnyRecord::Conform(_) => return Err(Failure::ConformInMerge { path: path.clone() }),
        }
    }
    let parts = Parts::of(runs)?;
    let gates = gates(arguments, &parts)?;
    let mut record = record_of(&parts);
    record.command = std::env::args().map(|word| target::without_secret(&word)).collect();
    record.host = Some(this_host());
    for problem in &parts.problems {
        out::message(&format!("rct: {problem}"));
    }
    let folder = create_folder(&arguments.out, record.started, "merged").map_err(Failure::Folder)?;
    let reporters: Vec<Box<dyn LoadReporter>> = vec![
        Box::new(LoadFolder::new(folder.clone())),
        Box::new(IntervalLog::create(&folder).map_err(Failure::Folder)?),
        Box::new(Printer { format: arguments.format, folder }),
    ];
    Ok(merge(&parts, &gates, LoadEventLine::new(record, reporters))?)
}

fn gates(arguments: &Merge, parts: &Parts) -> Result<Vec<Gate>, Failure> {
    let reports = || parts.present.iter().filter_map(|run| run.record.load.as_ref());
    let commands: Vec<String> =
        reports().next().map(|report| &report.commands).into_iter().flatten().map(|command| command.name.clone()).collect();
    let is_verified = reports().any(|report| report.verify.is_some());
    Ok(gates_of(&arguments.fail_if, &commands, is_verified, reports().any(|report| report.wait.is_some()))?)
}
