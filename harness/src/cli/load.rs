//! `rct load`: drives load and shows what came of it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use jiff::Timestamp;
use loadgen::keys::Distribution;
use loadgen::schedule::Arrivals;
use loadgen::workload::Workload;
use loadgen::{EngineChoice, LoadError, LoadPlan, Pace, ReadFrom, Retry, Routing, StopSignal, Until};
use rand::RngExt;
use suites::LiveCluster;
use wire::Protocol;

use super::args::{ArrivalsName, EngineName, Format, KeyChoice, Load, ReadFromName, RetryName, RoutingName};
use super::target_spec::TargetSpec;
use super::{Failure, on_this_thread, out, signals, target};
use crate::record::ExitStatus;
use crate::record::file::to_json;
use crate::record::{Ended, LoadRecord, TargetRecord};
use crate::report::folder::RunFolder;
use crate::report::load::{Watch, table, write_files};
use crate::runner::interrupt::Interrupt;
use targets::BringUp;

/// The node timeout unless the user says otherwise.
const NODE_TIMEOUT: Duration = Duration::from_secs(5);
/// The sockets for which a further thread is worth its while.
const CLIENTS_A_THREAD: usize = 50;
/// The sockets, and the operations in flight on each, that fill and delete keys.
const BULK_CLIENTS: usize = 50;
const BULK_PIPELINE: usize = 32;
/// The most bytes of a workload file.
const WORKLOAD_BYTES_MAX: u64 = 1 << 20;

/// Runs the command.
pub(super) fn run(arguments: &Load) -> Result<ExitStatus, Failure> {
    on_this_thread(load(arguments, signals::listen()?))?
}

async fn load(arguments: &Load, interrupt: Interrupt) -> Result<ExitStatus, Failure> {
    let target = target::open(&TargetSpec::parse(&arguments.target, None)?).await?;
    let prefix = if target.brings_up_more() {
        String::new()
    } else {
        format!("rct:{:06x}:", rand::rng().random_range(0..0x100_0000))
    };
    let workload = Arc::new(workload(arguments, &prefix)?);
    let started = Timestamp::now();
    let folder = RunFolder::create(&arguments.out, started, target.kind());
    let folder = folder.map_err(|error| Failure::usage(format!("{error}; --out names another folder")))?;
    let node_timeout = arguments.target.node_timeout().unwrap_or(NODE_TIMEOUT);
    let request = BringUp { shape: arguments.target.shape, node_timeout, ..BringUp::default() };
    let lease = tokio::select! {
        lease = target.bring_up(&request) => lease?,
        () = interrupt.raised() => return Ok(ExitStatus::Interrupted),
    };
    let mut run = Run {
        arguments,
        plan: plan(arguments, &lease.live, workload),
        record: LoadRecord::new(
            started,
            arguments.seed.unwrap_or_default(),
            TargetRecord::of(target.kind(), &lease.live),
        ),
        folder: folder.path().to_owned(),
        stop: StopSignal::default(),
        interrupt,
        is_given: !target.brings_up_more(),
    };
    run.record.seed = run.plan.seed;
    run.record.command = std::env::args().map(|word| target::without_secret(&word)).collect();
    let outcome = run.conduct().await;
    lease.shut_down().await;
    outcome
}

/// A run of load on a cluster that is up.
struct Run<'a> {
    arguments: &'a Load,
    plan: LoadPlan,
    record: LoadRecord,
    folder: PathBuf,
    stop: StopSignal,
    interrupt: Interrupt,
    /// Whether the cluster is somebody else's, so that what was written is to be deleted.
    is_given: bool,
}

impl Run<'_> {
    async fn conduct(mut self) -> Result<ExitStatus, Failure> {
        self.save()?;
        let listening = tokio::task::spawn_local({
            let (interrupt, stop) = (self.interrupt.clone(), self.stop.clone());
            async move {
                interrupt.raised().await;
                stop.raise();
            }
        });
        let loaded = self.fill_and_load().await;
        listening.abort();
        let operations =
            self.record.load.as_ref().map_or(0, |report| report.operations + report.late_operations + report.failed);
        if self.is_given {
            self.clear(operations).await;
        }
        let status = match &loaded {
            _ if self.interrupt.is_raised() => {
                self.record.ended = Ended::Interrupted;
                ExitStatus::Interrupted
            }
            Err(failure) => {
                self.record.ended = Ended::Lost;
                self.record.problem = Some(failure.to_string());
                failure.status()
            }
            Ok(()) if self.record.load.as_ref().is_none_or(|report| report.operations == 0) => {
                self.record.ended = Ended::Lost;
                self.record.problem = Some("not one operation was answered well".to_owned());
                ExitStatus::ClusterLost
            }
            Ok(()) => {
                self.record.ended = Ended::Complete;
                ExitStatus::Success
            }
        };
        self.record.exit_status = Some(status.code());
        self.record.close();
        self.save()?;
        match self.arguments.format {
            Format::Json => out::data(&to_json(&self.record)?),
            Format::Human => out::data(&table(&self.record, Some(&self.folder))),
        }
        loaded.map(|()| status)
    }

    async fn fill_and_load(&mut self) -> Result<(), Failure> {
        let layout = loadgen::layout(&self.plan).await.map_err(failure)?;
        loadgen::limits::check(&self.plan, &layout).await.map_err(failure)?;
        if self.arguments.preload {
            let fills: Vec<_> = self.plan.workload.preload().collect();
            self.bulk("filled", fills).await?;
        }
        if self.stop.is_raised() {
            return Ok(());
        }
        let plan = Arc::new(self.plan.clone());
        let mut watch = Watch::new(&self.folder, &plan, self.arguments.format == Format::Human)?;
        let report = loadgen::run(&plan, layout, &self.stop, &mut watch).await.map_err(failure)?;
        watch.finish()?;
        self.record.load = Some(report);
        Ok(())
    }

    /// Runs workloads that touch each key once.
    async fn bulk(&self, done: &str, workloads: Vec<(Workload, u64)>) -> Result<(), Failure> {
        for (workload, count) in workloads {
            let space =
                workload.templates.first().map_or("", |template| &workload.spaces[template.space].name).to_owned();
            let plan = Arc::new(LoadPlan {
                workload: Arc::new(workload),
                clients: self.plan.clients.min(BULK_CLIENTS.max(self.plan.threads)),
                threads: 1,
                pipeline: BULK_PIPELINE,
                pace: Pace::Closed,
                until: Until::Operations(count),
                warmup: Duration::ZERO,
                retry: Retry::All,
                read_from: ReadFrom::Primary,
                routing: Routing::Slots,
                ..self.plan.clone()
            });
            let layout = loadgen::layout(&plan).await.map_err(failure)?;
            let report = loadgen::run(&plan, layout, &self.stop, &mut Unwatched).await.map_err(failure)?;
            if report.operations < count && !self.stop.is_raised() {
                let trouble: Vec<String> = report.error_codes.keys().cloned().collect();
                return Err(Failure::new(
                    ExitStatus::ClusterLost,
                    format!(
                        "only {} of {count} keys of {space:?} could be {done} {}",
                        report.operations,
                        trouble.join(" ")
                    ),
                ));
            }
            if self.arguments.format == Format::Human {
                out::talk(&format!("{done} {} keys of {space:?} in {:.1} s", report.operations, report.duration_s));
            }
        }
        Ok(())
    }

    /// Deletes what was written to a cluster that is not ours, also after Ctrl-C.
    async fn clear(&mut self, operations: u64) {
        self.stop = StopSignal::default();
        let threads = self.plan.threads as u64;
        let removals: Vec<_> = self.plan.workload.removal(operations.saturating_mul(threads)).collect();
        if let Err(failure) = self.bulk("deleted", removals).await {
            out::talk(&format!(
                "rct: keys that begin with {:?} may be left: {failure}",
                self.plan.workload.spaces[0].prefix
            ));
        }
    }

    fn save(&self) -> Result<(), Failure> {
        write_files(&self.folder, &self.record)
            .map_err(|error| Failure::usage(format!("{error}; --out names another folder")))
    }
}

struct Unwatched;

impl loadgen::Observer for Unwatched {
    fn connected(&mut self, _ready: usize, _took: Duration) {}
    fn window(&mut self, _window: &loadgen::timeline::Window, _lanes: &[loadgen::recorder::Lane]) {}
}

fn failure(error: LoadError) -> Failure {
    match error {
        LoadError::Plan(text) => Failure::usage(text),
        other => Failure::new(ExitStatus::ClusterLost, other.to_string()),
    }
}

fn workload(arguments: &Load, prefix: &str) -> Result<Workload, Failure> {
    let Some(path) = &arguments.workload else {
        let distribution = match arguments.key_choice {
            KeyChoice::Uniform => Distribution::Uniform,
            KeyChoice::Sequential => Distribution::Sequential,
            KeyChoice::Zipf => Distribution::Zipf { exponent: 0.99 },
            KeyChoice::Gaussian => Distribution::Gaussian { deviation: 1.0 / 6.0 },
            KeyChoice::HotSlot => Distribution::HotSlot { share: 0.9 },
        };
        let mix = Workload::mix(&arguments.mix, prefix, arguments.keys, distribution, arguments.value_size.clone());
        return mix.map_err(Failure::usage);
    };
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| wrong(&error))?;
    if !metadata.is_file() || metadata.len() > WORKLOAD_BYTES_MAX {
        return Err(wrong(&format!("it is no regular file of at most {WORKLOAD_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    Workload::read(&text, prefix).map_err(|error| wrong(&error))
}

/// How many threads drive so many sockets. Servers may share the machine, and one busy thread makes larger batches than
/// two that wait for a core: fewer calls of the kernel, and less lag behind planned instants.
fn threads(cores: usize, clients: usize) -> usize {
    cores.div_ceil(2).min(clients / CLIENTS_A_THREAD).max(1)
}

fn plan(arguments: &Load, live: &LiveCluster, workload: Arc<Workload>) -> LoadPlan {
    let clients = arguments.clients as usize;
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.map_or_else(|| threads(cores, clients), usize::from);
    let pace = match &arguments.rate[..] {
        [] => Pace::Closed,
        rates => Pace::Open {
            rates_per_s: rates.to_vec(),
            arrivals: match arguments.arrivals {
                ArrivalsName::Constant => Arrivals::Constant,
                ArrivalsName::Poisson => Arrivals::Poisson,
            },
            ramp: arguments.ramp,
        },
    };
    let topology = live.topology();
    LoadPlan {
        seeds: topology.nodes.iter().map(|node| live.map.reachable(&node.address)).collect(),
        access: live.access.clone(),
        protocol: if arguments.resp == 3 { Protocol::Resp3 } else { Protocol::Resp2 },
        map: Arc::new(live.map.snapshot()),
        workload,
        clients,
        threads,
        pipeline: arguments.pipeline.into(),
        pace,
        until: arguments.requests.map_or(Until::Elapsed(arguments.duration), Until::Operations),
        warmup: arguments.warmup,
        timeout: arguments.timeout,
        connect_timeout: live.limits.connect,
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
        seed: arguments.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000)),
    }
}
