//! `rct conform`: checks a cluster and gives a verdict.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;

use super::args::{Conform, Format};
use super::describe::catalogue;
use super::target_spec::TargetSpec;
use super::{Failure, again, on_this_thread, signals, target};
use crate::record::ExitStatus;
use crate::record::{Event, EventLine, Reporter};
use crate::record::{Record, TargetRecord};
use crate::report::folder::RunFolder;
use crate::report::json::Json;
use crate::report::progress::Progress;
use crate::report::terminal::{Look, Terminal};
use crate::runner::conduct::{Conductor, NodeTimeouts};
use crate::runner::execute::Context;
use crate::runner::interrupt::Interrupt;
use crate::runner::known::Known;
use crate::runner::pattern::Pattern;
use crate::runner::plan::{Plan, Selection};
use targets::Target;

/// Checks, and clusters, at a time, unless the user says otherwise.
const JOBS: u16 = 8;
/// The node timeout of a cluster on which nothing fails on purpose.
const SHARED_NODE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the command.
pub(super) fn run(arguments: &Conform) -> Result<ExitStatus, Failure> {
    let catalogue = catalogue(&arguments.suite)?;
    let mut known = Known::default();
    for file in &arguments.known {
        known.add_file(file, catalogue.checks()).map_err(Failure::usage)?;
    }
    let patterns = |texts: &[String]| texts.iter().map(Pattern::new).collect();
    let selection = Selection { run: patterns(&arguments.run), skip: patterns(&arguments.skip), calm: arguments.calm };
    let selected = selection.of(catalogue.checks());
    let selected = selected.map_err(|error| Failure::new(ExitStatus::NothingRan, error.to_string()))?;
    on_this_thread(conform(arguments, Plan::of(selected), known, signals::listen()?))?
}

async fn conform(arguments: &Conform, plan: Plan, known: Known, interrupt: Interrupt) -> Result<ExitStatus, Failure> {
    let spec = TargetSpec::parse(&arguments.target, arguments.fault_hook.as_deref())?;
    let target = target::open(&spec).await?;
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let line = line(arguments, &spec, target.as_ref(), seed)?;
    let conductor = Conductor {
        target: target.as_ref(),
        context: Context {
            line: line.clone(),
            interrupt,
            known,
            run: run_name(),
            seed,
            revives: !target.brings_up_more(),
        },
        shape: arguments.target.shape,
        jobs: arguments.jobs.unwrap_or(JOBS).into(),
        node_timeouts: NodeTimeouts {
            shared: arguments.target.node_timeout().unwrap_or(SHARED_NODE_TIMEOUT),
            alone: arguments.target.node_timeout().unwrap_or_else(|| target.brisk_node_timeout()),
        },
        may_disturb: arguments.allow_disruption || target.brings_up_more(),
    };
    tokio::task::spawn_local(tell_of_interruption(line.clone(), conductor.context.interrupt.clone()));
    let (ended, problem) = conductor.run(plan).await;
    // The reports first: clearing up may take long, and the second Ctrl-C cuts it short.
    line.send(Event::RunFinished { ended, problem });
    drop(target);
    Ok(line.record().status())
}

/// Has the reports written as soon as the user wishes to stop: the second wish ends rct at once.
async fn tell_of_interruption(line: EventLine, interrupt: Interrupt) {
    interrupt.raised().await;
    line.send(Event::Interrupted);
}

/// The road to all reports: the run's folder first, then what says where it is.
fn line(arguments: &Conform, spec: &TargetSpec, target: &dyn Target, seed: u64) -> Result<EventLine, Failure> {
    let started = Timestamp::now();
    let folder = RunFolder::create(&arguments.out, started, target.kind());
    let folder = folder.map_err(|error| Failure::usage(format!("{error}; --out names another folder")))?;
    let path = folder.path().to_owned();
    let mut record =
        Record::conform(started, seed, TargetRecord { kind: target.kind().to_owned(), ..TargetRecord::default() });
    record.level = arguments.level.into();
    record.command = std::env::args().map(|word| target::without_secret(&word)).collect();
    record.again = again::command(arguments, spec, seed);
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(folder)];
    reporters.extend(printers(arguments, path));
    Ok(EventLine::new(record, reporters))
}

fn printers(arguments: &Conform, folder: PathBuf) -> Vec<Box<dyn Reporter>> {
    let progress = Progress::of_stderr();
    let bar = progress.bar();
    let report: Box<dyn Reporter> = match arguments.format {
        Format::Json => Box::new(Json::new(std::io::stdout())),
        Format::Human => {
            let look = Look::of_stdout(arguments.verbose);
            Box::new(Terminal::new(anstream::stdout(), look, Some(folder), bar))
        }
    };
    vec![Box::new(progress), report]
}

/// A short text that keeps the keys of runs apart.
fn run_name() -> String {
    format!("{:06x}", rand::rng().random_range(0..0x100_0000))
}
