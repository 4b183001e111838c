//! `rct merge`: makes one load run of the runs of several generators.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use targets::BringUp;

use super::args::{Merge, TargetArguments};
use super::failure::Failure;
use super::load::{Printer, gates_of};
use super::part::{self, PartError};
use super::runtime::on_this_thread;
use super::target_spec::TargetSpec;
use super::{out, target};
use crate::record::layout::{PART_FILE, RUN_FILE};
use crate::record::{AnyRecord, ExitStatus, LoadEventLine, LoadReporter};
use crate::report::folder::create_folder;
use crate::report::load::{IntervalLog, LoadFolder};
use crate::runner::gate::Gate;
use crate::runner::host::this_host;
use crate::runner::load::LoadRunError;
use crate::runner::load::merge::{record_of, run as merge};
use crate::runner::load::parts::{Candidate, Parts};
use crate::runner::load::results::{Results, asking_plan};

/// Merges the runs, and prints the result.
pub(super) fn run(arguments: &Merge) -> Result<ExitStatus, Failure> {
    let fetched = match &arguments.from {
        Some(from) => on_this_thread(fetch(arguments, from))??,
        None => arguments.run.clone(),
    };
    let mut runs = Vec::new();
    for path in fetched.iter().flat_map(|path| runs_below(path)) {
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

/// Takes the results of a run out of the cluster that holds them, into a folder. Returns the folders of the parts.
async fn fetch(arguments: &Merge, from: &str) -> Result<Vec<PathBuf>, Failure> {
    let [name] = &arguments.run[..] else { return Err(Failure::OneName) };
    let name = name.to_string_lossy();
    let spec = TargetSpec::parse(&TargetArguments::of_address(from), None)?;
    let target = target::open(&spec).await?;
    if target.brings_up_more() {
        return Err(PartError::OwnCluster.into());
    }
    let request = BringUp { is_for_load: true, ..BringUp::default() };
    let lease = target.bring_up(&request).await?;
    let folder =
        create_folder(&arguments.out, Timestamp::now(), &format!("parts-of-{name}")).map_err(Failure::Folder)?;
    let plan = asking_plan(&lease.live).map_err(LoadRunError::from)?;
    let results = Results { plan: &plan, prefix: &part::prefix(&name), name: &name };
    let fetched = results.fetch(&folder).await;
    lease.shut_down().await;
    Ok(fetched?)
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
