//! `rct load`: drives load and shows the result.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use loadgen::keys::Distribution;
use loadgen::read_back::Copies;
use loadgen::schedule::Arrivals;
use loadgen::{EngineChoice, Pace, ReadFrom, Retry, Routing, Share, Until};
use wire::Protocol;

use super::args::{
    ArrivalsName, EngineName, Format, KeyChoice, Load, ReadFromName, RetryName, RoutingName, VerifyName,
};
use super::failure::Failure;
use super::news::with_news;
use super::part::{self, PartError};
use super::runtime::on_this_thread;
use super::target_spec::TargetSpec;
use super::{out, serve, signals, target};
use crate::record::file::to_json;
use crate::record::{
    ExitStatus, LoadEvent, LoadEventLine, LoadRecord, LoadReporter, PartRecord, ReportError, TargetRecord,
};
use crate::report::folder::create_folder;
use crate::report::github::GitHub;
use crate::report::load::{
    IntervalLog, LivePanel, LoadFolder, LoadProgress, Metrics, PartFile, gates as gate_reports, table,
};
use crate::runner::bring_up::{UNDISTURBED_NODE_TIMEOUT, bring_up};
use crate::runner::gate::{Gate, GateError};
use crate::runner::host::this_host;
use crate::runner::interrupt::Interrupt;
use crate::runner::load::events::select::check_instants;
use crate::runner::load::{Fault, FaultError, LoadRun, LoadSettings, WorkloadSource};
use crate::runner::run_token::run_token;
use crate::runner::seed::drawn_seed;
use targets::{BringUp, Target};

/// The number of keys of each kind unless the user names another one.
const KEYS: u64 = 100_000;

/// Runs the command.
pub(super) fn run(arguments: &Load) -> Result<ExitStatus, Failure> {
    on_this_thread(load(arguments, signals::listen()?))?
}

async fn load(arguments: &Load, interrupt: Interrupt) -> Result<ExitStatus, Failure> {
    let spec = TargetSpec::parse(&arguments.target, arguments.fault_hook.as_deref())?;
    spec.check_standalone(arguments.alone.standalone)?;
    let target = target::open(&spec).await?;
    let (settings, part) = settings(arguments, target.as_ref())?;
    let gates = gates(arguments, &settings)?;
    check_faults(arguments, &settings, target.as_ref())?;
    let metrics = match arguments.metrics {
        Some(address) => Some(serve::listen(address).await?),
        None => None,
    };
    let node_timeout = arguments.target.node_timeout().unwrap_or(UNDISTURBED_NODE_TIMEOUT);
    let request = BringUp {
        shape: arguments.target.shape,
        node_timeout,
        is_standalone: arguments.alone.standalone,
        is_for_load: settings.faults.is_empty(),
        ..BringUp::default()
    };
    // Before the run's folder is made, so that a cluster that cannot be reached leaves none behind.
    let coming_up = bring_up(target.as_ref(), &request, &interrupt);
    let lease = match arguments.format {
        Format::Human => with_news(&news(arguments, target.as_ref()), coming_up).await?,
        Format::Json => coming_up.await?,
    };
    let Some(lease) = lease else { return Ok(ExitStatus::Interrupted) };
    let (mut line, folder) = line(arguments, target.kind(), &settings, part)?;
    let results = arguments.generators.results_in_cluster.then_some(folder);
    let serving = metrics.map(|listener| {
        let (counters, page) = Metrics::new();
        line.add(Box::new(counters));
        tokio::task::spawn_local(serve::serve(listener, page))
    });
    let run = LoadRun { target: target.as_ref(), line, settings, gates, interrupt: interrupt.clone(), results };
    let outcome = run.run(lease).await;
    if let Some(serving) = serving {
        let lingering = tokio::time::timeout(arguments.metrics_linger, interrupt.raised());
        let _over = lingering.await;
        serving.abort();
    }
    Ok(outcome?)
}

/// What rct does until the cluster is there.
fn news(arguments: &Load, target: &dyn Target) -> String {
    let shape = arguments.target.shape;
    match (target.brings_up_more(), arguments.alone.standalone) {
        (false, _) => format!("asking {} which nodes there are", target::without_secret(&arguments.target.target)),
        (true, true) => "starting a standalone server".to_owned(),
        (true, false) => format!("bringing up a cluster of {shape} ({})", target.kind()),
    }
}

/// Makes the run's folder, and the reporters that write into it or print.
fn line(
    arguments: &Load,
    kind: &str,
    settings: &LoadSettings,
    part: Option<PartRecord>,
) -> Result<(LoadEventLine, PathBuf), Failure> {
    let started = Timestamp::now();
    // Parts of a run may share a folder and start in the same second.
    let name = part.as_ref().map_or(kind.to_owned(), |part| format!("{kind}-part-{}", part.number));
    let folder = create_folder(&arguments.out, started, &name).map_err(Failure::Folder)?;
    let mut record =
        LoadRecord::new(started, settings.seed, TargetRecord { kind: kind.to_owned(), ..TargetRecord::default() });
    record.command = std::env::args().map(|word| target::without_secret(&word)).collect();
    record.host = Some(this_host());
    record.part = part;
    let mut reporters: Vec<Box<dyn LoadReporter>> = vec![
        Box::new(LoadFolder::new(folder.clone())),
        Box::new(IntervalLog::create(&folder).map_err(Failure::Folder)?),
    ];
    if record.part.is_some() {
        reporters.push(Box::new(PartFile::new(&folder)));
    }
    if arguments.format == Format::Human && !arguments.quiet {
        reporters.push(match !arguments.no_live && LivePanel::fits() {
            true => Box::new(LivePanel::new(settings.end())),
            false => Box::new(LoadProgress::new(anstream::stderr())),
        });
    }
    reporters.push(Box::new(Printer { format: arguments.format, folder: folder.clone() }));
    let github =
        if arguments.no_github { None } else { GitHub::of_job(anstream::stderr(), |name| std::env::var(name).ok()) };
    reporters.extend(github.map(|github| Box::new(github) as Box<dyn LoadReporter>));
    Ok((LoadEventLine::new(record, reporters), folder))
}

/// Prints the result once the run has ended.
pub(super) struct Printer {
    pub(super) format: Format,
    pub(super) folder: PathBuf,
}

impl LoadReporter for Printer {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        match (event, self.format) {
            (LoadEvent::RunFinished, Format::Json) => {
                out::data(&to_json(record)?);
                gate_reports::problems(&record.gates).for_each(|text| out::message(&format!("rct: {text}")));
            }
            (LoadEvent::RunFinished, Format::Human) => {
                out::text(&table(record, Some(&self.folder), out::columns()));
            }
            (LoadEvent::Warning { text }, Format::Json) => out::message(&format!("rct: {text}")),
            _ => {}
        }
        Ok(())
    }
}

fn settings(arguments: &Load, target: &dyn Target) -> Result<(LoadSettings, Option<PartRecord>), Failure> {
    let seed = arguments.seed.unwrap_or_else(drawn_seed);
    let prefix = match (target.brings_up_more(), arguments.generators.part) {
        (true, Some(_)) => return Err(PartError::OwnCluster.into()),
        (true, None) => String::new(),
        (false, Some(_)) => part::prefix(&part::name(arguments)),
        (false, None) => format!("rct:{}:", run_token()),
    };
    let mut workload = workload(arguments).read(&prefix)?;
    let of_file = workload.events.iter().map(|text| text.parse()).collect::<Result<Vec<Fault>, FaultError>>()?;
    if let Some(replicas) = arguments.wait {
        // Operations in flight on a connection wait one after the other, and all of them before `--timeout`.
        let waits = u32::from(arguments.pipeline) * 2;
        workload = workload.waiting_for(replicas, arguments.timeout / waits);
    }
    if arguments.verify.is_some() {
        workload = workload.verified(arguments.preload)?;
    }
    let record = arguments.generators.part.map(|share| part::record(arguments, &workload, share));
    let together = part::together(arguments, &prefix, record.as_ref())?;
    let whole = LoadSettings {
        workload: Arc::new(workload),
        faults: arguments.fault.iter().cloned().chain(of_file).collect(),
        verify: arguments.verify.map(|copies| match copies {
            VerifyName::Primaries => Copies::Primaries,
            VerifyName::Replicas => Copies::All,
        }),
        preload: arguments.preload,
        clients: arguments.clients as usize,
        threads: arguments.threads.map(usize::from),
        pipeline: arguments.pipeline.into(),
        pace: pace(arguments),
        until: arguments.requests.map_or(Until::Elapsed(arguments.duration), Until::Operations),
        warmup: arguments.warmup,
        timeout: arguments.timeout,
        retry: match arguments.retry {
            RetryName::None => Retry::None,
            RetryName::Redirects => Retry::Redirects,
            RetryName::All => Retry::All,
        },
        read_from: match arguments.read_from {
            ReadFromName::Primary => ReadFrom::Primary,
            ReadFromName::Replica => ReadFrom::Replica,
            ReadFromName::Any => ReadFrom::Any,
        },
        routing: match arguments.routing {
            RoutingName::Slots => Routing::Slots,
            RoutingName::Redirect => Routing::Redirect,
        },
        engine: match arguments.engine {
            EngineName::Auto => EngineChoice::Auto,
            EngineName::Tokio => EngineChoice::Tokio,
            EngineName::IoUring => EngineChoice::Uring,
        },
        protocol: if arguments.resp == 3 { Protocol::Resp3 } else { Protocol::Resp2 },
        seed,
        share: Share::WHOLE,
        together,
    };
    let own = part::shared(whole, arguments.generators.part.unwrap_or(Share::WHOLE))?;
    Ok((own, record))
}

/// Checks before there is a cluster that all events can come, and that the user permits them.
fn check_faults(arguments: &Load, settings: &LoadSettings, target: &dyn Target) -> Result<(), FaultError> {
    check_instants(&settings.faults, settings.end())?;
    match settings.faults.first() {
        Some(first) if !target.brings_up_more() && !arguments.allow_disruption => {
            Err(FaultError::NotAllowed { text: first.to_string() })
        }
        _ => Ok(()),
    }
}

fn gates(arguments: &Load, settings: &LoadSettings) -> Result<Vec<Gate>, GateError> {
    let commands: Vec<String> = settings.workload.templates.iter().map(|template| template.name.clone()).collect();
    gates_of(&arguments.fail_if, &commands, settings.verify.is_some(), settings.workload.waits.is_some())
}

/// Reads the gates of a run with these commands, and adds those that `--verify` brings.
pub(super) fn gates_of(
    typed: &[String],
    commands: &[String],
    is_verified: bool,
    waits: bool,
) -> Result<Vec<Gate>, GateError> {
    let given = [(is_verified, "--verify"), (waits, "--wait")];
    let given: Vec<&str> = given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, option)| option).collect();
    let typed = typed.iter().map(|text| Gate::of_run(text, commands)?.measured_with(&given));
    let mut gates = typed.collect::<Result<Vec<Gate>, GateError>>()?;
    if is_verified {
        Gate::add_those_of_verification(&mut gates);
    }
    Ok(gates)
}

fn workload(arguments: &Load) -> WorkloadSource {
    match &arguments.workload {
        Some(path) => WorkloadSource::File { path: path.clone(), keys: arguments.keys },
        None => WorkloadSource::Mix {
            mix: arguments.mix.clone(),
            keys: arguments.keys.unwrap_or(KEYS),
            distribution: match arguments.key_choice {
                KeyChoice::Uniform => Distribution::Uniform,
                KeyChoice::Sequential => Distribution::Sequential,
                KeyChoice::Zipf => Distribution::Zipf { exponent: 0.99 },
                KeyChoice::Gaussian => Distribution::Gaussian { deviation: 1.0 / 6.0 },
                KeyChoice::HotSlot => Distribution::HotSlot { share: 0.9 },
            },
            value_sizes: arguments.value_size.clone(),
        },
    }
}

fn pace(arguments: &Load) -> Pace {
    if arguments.rate.is_empty() {
        return Pace::Closed;
    }
    Pace::Open {
        rates_per_s: arguments.rate.clone(),
        arrivals: match arguments.arrivals {
            ArrivalsName::Constant => Arrivals::Constant,
            ArrivalsName::Poisson => Arrivals::Poisson,
        },
        ramp: arguments.ramp,
    }
}
