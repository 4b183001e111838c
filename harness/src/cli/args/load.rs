//! The arguments of `rct load`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::format::{EXECUTION, Format, OUTPUT};
use super::generators::Generators;
use super::target::{BY_ADDRESS, StandaloneArgument, TargetArguments};
use super::value::{duration, keys, rate, requests};
use crate::runner::load::Fault;

/// The headings of the options that describe the load.
const CLIENTS: &str = "Clients";
const OPERATIONS: &str = "Operations and keys";
const DURATION: &str = "Duration";
const OPEN_LOOP: &str = "Open loop";
const ROUTING: &str = "Routing and errors";
const FAULTS: &str = "Faults";
const GATES: &str = "Gates";
const VERIFICATION: &str = "Verification";

/// `rct load`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: send 20,000 operations per second to a running cluster for one minute
  rct load --target 127.0.0.1:7000 --preload --rate 20000 --duration 60s

Exit status: 0 the load ran and passed every --fail-if; 1 it missed a --fail-if, or --verify found a lost, stale or \
corrupt value; 2 wrong usage, or a limit of the system is too low; 3 there was no cluster, not one good reply, or rct \
could not judge a --fail-if; 130 Ctrl-C.")]
pub struct Load {
    /// The cluster to load.
    #[command(flatten)]
    pub target: TargetArguments,
    /// One server instead of a cluster.
    #[command(flatten)]
    pub alone: StandaloneArgument,
    /// The number of clients; rct spreads them over the nodes.
    ///
    /// A client is one connection to one node. With fewer clients than nodes, the clients share one connection to each
    /// node.
    #[arg(short, long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..=100_000_000),
        help_heading = CLIENTS)]
    pub clients: u32,
    /// The number of threads [default: clients / 50, from 1 to half of the cores, rounded up].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = CLIENTS)]
    pub threads: Option<u16>,
    /// The number of operations in flight on a connection.
    #[arg(short = 'P', long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=10_000),
        help_heading = CLIENTS)]
    pub pipeline: u16,
    /// The version of the RESP protocol.
    #[arg(long, value_name = "2|3", default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3),
        help_heading = CLIENTS)]
    pub resp: u8,
    /// The input and output engine; TLS always uses tokio.
    #[arg(long, value_name = "ENGINE", default_value = "auto", help_heading = CLIENTS)]
    pub engine: EngineName,
    /// The commands and their weights.
    ///
    /// The commands are APPEND, DEL, EXISTS, EXPIRE, GET, HGET, HGETALL, HSET, INCR, LPOP, LPUSH, LRANGE, MGET, MSET,
    /// RPOP, RPUSH, SADD, SET, SISMEMBER, SPUBLISH, STRLEN, TTL, ZADD, ZRANGE and ZSCORE. A command without a weight has
    /// weight 1. --workload takes any other command.
    #[arg(short = 't', long, value_name = "MIX", default_value = "GET:9,SET:1", conflicts_with = "workload", help_heading = OPERATIONS)]
    pub mix: String,
    /// A TOML file of weighted commands, instead of --mix [default: none].
    ///
    /// It also sets keys and value sizes. loadgen/workloads/example.toml shows every setting.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_choice", "value_size"], help_heading = OPERATIONS)]
    pub workload: Option<PathBuf>,
    /// The number of keys of each kind; 20k is 20,000 [default: 100000, or what --workload says].
    ///
    /// Each type of data has so many keys, and with --workload each key space of the file.
    #[arg(short = 'r', long, value_name = "N", value_parser = keys, help_heading = OPERATIONS)]
    pub keys: Option<u64>,
    /// How rct chooses the key of an operation.
    #[arg(long, value_name = "CHOICE", default_value = "uniform", help_heading = OPERATIONS)]
    pub key_choice: KeyChoice,
    /// The bytes of a value: a size such as 64 or 1KB, a range 64-1024, or weights 64:9,1024:1.
    #[arg(short = 'd', long, value_name = "SIZES", default_value = "64", help_heading = OPERATIONS)]
    pub value_size: loadgen::workload::Sizes,
    /// Write every key once before the load starts.
    #[arg(long, help_heading = OPERATIONS)]
    pub preload: bool,
    /// How long rct measures, at each step of --rate; such as 500ms, 10s or 2m.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, conflicts_with = "requests",
        help_heading = DURATION)]
    pub duration: Duration,
    /// End after N operations, instead of after --duration [default: no limit].
    #[arg(short = 'n', long, value_name = "N", value_parser = requests, help_heading = DURATION)]
    pub requests: Option<u64>,
    /// How long the load runs before rct measures.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, help_heading = DURATION)]
    pub warmup: Duration,
    /// Plan N operations per second, such as 20k, or N,M,... in steps [default: closed loop].
    ///
    /// In open loop every operation has a planned instant, whatever the servers do, and its response time counts from
    /// that instant. In closed loop a connection sends its next operations when the last ones are answered.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = rate, help_heading = OPEN_LOOP)]
    pub rate: Vec<f64>,
    /// How the planned instants are spaced.
    #[arg(long, value_name = "HOW", default_value = "constant", requires = "rate", help_heading = OPEN_LOOP)]
    pub arrivals: ArrivalsName,
    /// How long the rate rises to its first step, before the warm-up.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, requires = "rate",
        help_heading = OPEN_LOOP)]
    pub ramp: Duration,
    /// How long an operation may take before it counts as failed.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = ROUTING)]
    pub timeout: Duration,
    /// Which operations rct sends again.
    #[arg(long, value_name = "WHAT", default_value = "redirects", help_heading = ROUTING)]
    pub retry: RetryName,
    /// Which nodes serve reads.
    #[arg(long, value_name = "WHO", default_value = "primary", help_heading = ROUTING)]
    pub read_from: ReadFromName,
    /// How rct learns which node serves a slot.
    #[arg(long, value_name = "HOW", default_value = "slots", help_heading = ROUTING)]
    pub routing: RoutingName,
    /// Do this to the cluster during the load, such as 'kill primary @10s' (repeatable) [default: nothing].
    ///
    /// An event is ACTION [WHAT] [TIME] @WHEN, where @WHEN counts from the start of the load. WHAT is primary, replica,
    /// node HOST:PORT or shard N; if it names no node, the seed selects one. Actions: kill [WHAT] [TIME]; pause [WHAT]
    /// TIME; restart [WHAT]; isolate [WHAT] TIME; stop shard N [TIME]; failover [force|takeover] [WHAT]; move N slots
    /// [by=migrate|by=atomic]; add node; remove node [HOST:PORT]; rolling-restart. After TIME rct undoes the action. The
    /// report shows the outage of each shard.
    #[arg(long, value_name = "EVENT", help_heading = FAULTS)]
    pub fault: Vec<Fault>,
    /// Let --fault disturb a cluster given by address.
    ///
    /// At the end of the run rct restores its processes, roles and slots.
    #[arg(long, help_heading = BY_ADDRESS)]
    pub allow_disruption: bool,
    /// Your program that kills, restarts and pauses nodes [default: reject the events that need it].
    ///
    /// rct calls it as PROGRAM FAULT HOST:PORT. Called as PROGRAM offers, it prints the faults that it can inject, out of:
    /// kill, stop, restart, restart-without-data, pause, resume, isolate, heal. docs/targets.md has an example.
    #[arg(long, value_name = "PROGRAM", requires = "allow_disruption", help_heading = BY_ADDRESS)]
    pub fault_hook: Option<PathBuf>,
    /// Verify every write, and fail the run if one is lost [default: no verification].
    ///
    /// Each value contains its key, a counter and a checksum. rct checks every GET during the run, and reads every written
    /// key back from the primaries at the end; with --verify=replicas also from the replicas. The run fails if an
    /// acknowledged write is lost, a primary returns an old value, or a value is corrupt. A gate on `lost`, `stale` or
    /// `corrupt` replaces that rule.
    #[arg(long, value_name = "COPIES", num_args = 0..=1, require_equals = true, default_missing_value = "primaries",
        help_heading = VERIFICATION)]
    pub verify: Option<VerifyName>,
    /// Send WAIT for N replicas after each write, on the same connection [default: no WAIT].
    ///
    /// The reports say how many replicas confirmed the writes. The latency of a write includes WAIT.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000), help_heading = VERIFICATION)]
    pub wait: Option<u32>,
    /// Fail the run if this is true, such as 'response.p99 > 5ms' (repeatable) [default: no gate].
    ///
    /// An expression is METRIC OPERATOR VALUE. Metrics have the names of run.json: response, answered, service, a command
    /// such as GET, or node.* for any node, followed by .p50, .p90, .p95, .p99, .p999, .p9999, .max or .mean; and answered,
    /// failed, not_sent, outage.reads, outage.writes, operations, operations_per_s, hit_ratio,
    /// client_cpu_us_per_operation, client_memory_mb; with --verify lost, stale, corrupt and in_doubt; with --wait
    /// unconfirmed. Operators are < <= > >= ==, and units are us, ms, s, % and k.
    #[arg(long, value_name = "EXPRESSION", help_heading = GATES)]
    pub fail_if: Vec<String>,
    /// Several generators that make one run.
    #[command(flatten)]
    pub generators: Generators,
    /// The seed of all random choices [default: random; every report shows it].
    #[arg(long, value_name = "N", help_heading = EXECUTION)]
    pub seed: Option<u64>,
    /// The folder in which rct creates the run's own folder.
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = OUTPUT)]
    pub out: PathBuf,
    /// Serve live numbers for Prometheus at http://ADDRESS/metrics, such as 127.0.0.1:9464 [default: none].
    #[arg(long, value_name = "ADDRESS", help_heading = OUTPUT)]
    pub metrics: Option<SocketAddr>,
    /// How long rct serves them after the run, for a last look.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, requires = "metrics",
        help_heading = OUTPUT)]
    pub metrics_linger: Duration,
    /// The format of the outcome on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: Format,
    /// Print only the result, and no progress.
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
    /// Print a line per second, also on a terminal.
    ///
    /// Without this option a terminal shows a live panel. Pipes and files always get lines.
    #[arg(long, help_heading = OUTPUT)]
    pub no_live: bool,
    /// Write no annotations and no summary in a job of GitHub Actions.
    #[arg(long, help_heading = OUTPUT)]
    pub no_github: bool,
}

/// How keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyChoice {
    /// Every key is equally likely
    Uniform,
    /// Keys follow one another in order
    Sequential,
    /// A few keys are much more frequent than the rest (exponent 0.99)
    Zipf,
    /// Keys near the middle are more frequent (standard deviation: a sixth of all keys)
    Gaussian,
    /// Nine of ten operations use the keys of one slot
    HotSlot,
}

/// How planned instants follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsName {
    /// At equal intervals
    Constant,
    /// At random intervals, independent of one another (a Poisson process)
    Poisson,
}

/// What to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RetryName {
    /// No operation
    None,
    /// Operations that a server refused with MOVED, ASK, TRYAGAIN, CLUSTERDOWN or LOADING
    Redirects,
    /// As `redirects`, and operations whose connection was lost; a write may then be executed twice
    All,
}

/// Who serves reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReadFromName {
    /// The primary of the slot
    Primary,
    /// A replica of the slot, where there is one
    Replica,
    /// The primary or any replica of the slot
    Any,
}

/// Which copies of the keys are read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyName {
    /// Those of the primaries
    Primaries,
    /// Those of the primaries and of all replicas
    Replicas,
}

/// How the node of a slot is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoutingName {
    /// From the slot map of the cluster
    Slots,
    /// It does not: each operation goes to a random node first, like those of a client without a slot map
    Redirect,
}

/// What moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// io_uring where the kernel allows it, otherwise tokio
    Auto,
    /// epoll, through tokio
    Tokio,
    /// io_uring; rct reports an error where the kernel does not allow it
    #[value(name = "io_uring")]
    IoUring,
}
