//! `rct merge`: makes one load run of the runs of several generators.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::Merge;
use super::failure::Failure;
use super::load::{Printer, gates_of};
use super::{out, target};
use crate::record::layout::{PART_FILE, RUN_FILE};
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
    for path in arguments.run.iter().flat_map(|path| runs_below(path)) {
        match AnyRecord::load(&path)? {
            AnyRecord::Load(record) => runs.push(Candidate { name: path, record: *record }),
            AnyRecord::Conform(_) => return Err(Failure::ConformInMerge { path }),
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

/// Returns the folder of a run, or the folders of parts below a folder that all generators share, in order.
fn runs_below(path: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.path()).collect::<Vec<PathBuf>>()
    };
    if !path.is_dir() || path.join(RUN_FILE).exists() {
        return vec![path.to_owned()];
    }
    let near = below(path);
    let far = near.iter().flat_map(|folder| below(folder));
    let mut parts: Vec<PathBuf> =
        near.iter().cloned().chain(far).filter(|folder| folder.join(PART_FILE).exists()).collect();
    parts.sort();
    if parts.is_empty() { vec![path.to_owned()] } else { parts }
}

fn gates(arguments: &Merge, parts: &Parts) -> Result<Vec<Gate>, Failure> {
    let reports = || parts.present.iter().filter_map(|run| run.record.load.as_ref());
    let commands: Vec<String> = reports()
        .next()
        .map(|report| &report.commands)
        .into_iter()
        .flatten()
        .map(|command| command.name.clone())
        .collect();
    let is_verified = reports().any(|report| report.verify.is_some());
    Ok(gates_of(&arguments.fail_if, &commands, is_verified, reports().any(|report| report.wait.is_some()))?)
}
