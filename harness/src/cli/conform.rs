//! `rct conform`: checks a cluster and gives a verdict.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use jiff::Timestamp;

use super::args::{Conform, Format};
use super::catalogue::catalogue;
use super::failure::Failure;
use super::runtime::on_this_thread;
use super::target_spec::TargetSpec;
use super::{again, signals, target};
use crate::record::ExitStatus;
use crate::record::{ChecksAsOf, Record, TargetRecord};
use crate::record::{EventLine, Reporter};
use crate::report::digest;
use crate::report::folder::RunFolder;
use crate::report::github::GitHub;
use crate::report::json::Json;
use crate::report::known_list::KnownList;
use crate::report::progress::Progress;
use crate::report::terminal::{Style, Terminal};
use crate::runner::bring_up::bring_up;
use crate::runner::conduct::{Conductor, NodeTimeouts};
use crate::runner::execute::Context;
use crate::runner::host::this_host;
use crate::runner::interrupt::Interrupt;
use crate::runner::known::Known;
use crate::runner::pattern::Pattern;
use crate::runner::plan::CheckPlan;
use crate::runner::run_token::run_token;
use crate::runner::seed::drawn_seed;
use crate::runner::selection::Selection;
use crate::runner::suspects::Suspects;
use suites::Server;
use targets::{BringUp, Target};
use wire::Protocol;

/// How many checks run, and how many clusters are up, at the same time, unless the user says otherwise.
const JOBS: u16 = 8;

/// Runs the command.
pub(super) fn run(arguments: &Conform) -> Result<ExitStatus, Failure> {
    let catalogue = catalogue(&arguments.suite)?;
    let mut known = Known::default();
    for file in &arguments.known {
        known.add_file(file, catalogue.checks())?;
    }
    let patterns = |texts: &[String]| texts.iter().map(Pattern::new).collect();
    let selection = Selection {
        run: patterns(&arguments.run),
        skip: patterns(&arguments.skip),
        only: arguments.failed.as_deref().map(failed_in).transpose()?,
        calm: arguments.calm,
        as_of: arguments.checks_as_of,
    };
    let selected = selection.of(catalogue.checks())?;
    if let Some(path) = arguments.write_known.as_ref().filter(|path| path.exists()) {
        return Err(Failure::FileExists { option: "--write-known", path: path.clone() });
    }
    let too_new = selection.too_new(catalogue.checks());
    on_this_thread(conform(arguments, CheckPlan::of(selected), too_new, known, signals::listen()?))?
}

/// The ids of the checks that did not end as expected in an earlier run.
fn failed_in(run: &Path) -> Result<BTreeSet<String>, Failure> {
    let record = Record::load(run)?;
    let failed: BTreeSet<String> = digest::notable(&record).into_iter().map(|check| check.id.clone()).collect();
    if failed.is_empty() { Err(Failure::NothingFailed { run: run.to_owned() }) } else { Ok(failed) }
}

async fn conform(
    arguments: &Conform,
    plan: CheckPlan,
    too_new: usize,
    known: Known,
    interrupt: Interrupt,
) -> Result<ExitStatus, Failure> {
    let spec = TargetSpec::parse(&arguments.target, arguments.fault_hook.as_deref())?;
    let target = target::open(&spec).await?;
    if let Some(server) = target.server().filter(Server::is_older_than_rules) {
        return Err(Failure::TooOld(server));
    }
    // Before the run's folder is made, so that a cluster that cannot be entered leaves none behind.
    let entered = if target.brings_up_more() {
        None
    } else {
        let request = BringUp { shape: arguments.target.shape, ..BringUp::default() };
        match bring_up(target.as_ref(), &request, &interrupt).await? {
            None => return Ok(ExitStatus::Interrupted),
            entered => entered,
        }
    };
    let seed = arguments.seed.unwrap_or_else(drawn_seed);
    let conductor = Conductor {
        target: target.as_ref(),
        context: Context {
            line: line(arguments, &spec, target.as_ref(), seed, too_new)?,
            interrupt,
            known,
            run: run_token(),
            seed,
            protocol: if arguments.resp == 3 { Protocol::Resp3 } else { Protocol::Resp2 },
            fail_fast: arguments.fail_fast,
            revives: !target.brings_up_more(),
        },
        shape: arguments.target.shape,
        jobs: arguments.jobs.unwrap_or(JOBS).into(),
        node_timeouts: NodeTimeouts::of(target.as_ref(), arguments.target.node_timeout()),
        may_disturb: arguments.allow_disruption || target.brings_up_more(),
        suspects: Suspects::default(),
    };
    Ok(conductor.run(plan, entered).await)
}

/// The line to all reports: the run's folder comes first, then what says where it is.
fn line(
    arguments: &Conform,
    spec: &TargetSpec,
    target: &dyn Target,
    seed: u64,
    too_new: usize,
) -> Result<EventLine, Failure> {
    let started = Timestamp::now();
    let folder = RunFolder::create(&arguments.out, started, target.kind());
    let folder = folder.map_err(Failure::Folder)?;
    let path = folder.path().to_owned();
    let mut record =
        Record::conform(started, seed, TargetRecord { kind: target.kind().to_owned(), ..TargetRecord::default() });
    record.level = arguments.level.into();
    record.command = env::args().map(|word| target::without_secret(&word)).collect();
    record.again = again::command(arguments, spec, seed, target::variable);
    record.host = Some(this_host());
    record.checks_as_of =
        arguments.checks_as_of.map(|release| ChecksAsOf { version: release.to_string(), left_out: too_new });
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(folder)];
    if let Some(path) = &arguments.write_known {
        reporters.push(Box::new(KnownList::new(path.clone())));
    }
    reporters.extend(printers(arguments, path));
    Ok(EventLine::new(record, reporters))
}

fn printers(arguments: &Conform, folder: PathBuf) -> Vec<Box<dyn Reporter>> {
    let progress = Progress::of_stderr();
    let bar = if arguments.quiet { ProgressBar::hidden() } else { progress.bar() };
    let report: Box<dyn Reporter> = match arguments.format {
        Format::Json => Box::new(Json::new(std::io::stdout())),
        Format::Human => {
            let style = Style { is_brief: arguments.quiet, ..Style::of_stdout(arguments.verbose) };
            Box::new(Terminal::new(anstream::stdout(), style, Some(folder), bar))
        }
    };
    let mut printers = vec![report];
    if !arguments.quiet {
        printers.insert(0, Box::new(progress));
    }
    let github =
        if arguments.no_github { None } else { GitHub::of_job(anstream::stderr(), |name| env::var(name).ok()) };
    printers.extend(github.map(|github| Box::new(github) as Box<dyn Reporter>));
    printers
}
