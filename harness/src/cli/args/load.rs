//! The arguments of `rct load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::value::{duration, rate};
use super::{Format, TargetArguments};

/// `rct load`
#[derive(Debug, Args)]
pub struct Load {
    /// The cluster to load.
    #[command(flatten)]
    pub target: TargetArguments,
    /// Sockets in total, spread over the nodes
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,
    /// Threads that drive them [default: one for each 50 clients, at most one for each two cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Operations in flight on a socket
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub pipeline: u16,
    /// Well-known commands with weights, such as GET:9,SET:1
    #[arg(long, value_name = "MIX", default_value = "GET:9,SET:1", conflicts_with = "workload")]
    pub mix: String,
    /// A workload of weighted command templates, in TOML
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keys", "key_choice", "value_size"])]
    pub workload: Option<PathBuf>,
    /// Keys of each kind
    #[arg(long, value_name = "N", default_value = "100000", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub keys: u64,
    /// How keys are chosen
    #[arg(long, value_name = "CHOICE", default_value = "uniform")]
    pub key_choice: KeyChoice,
    /// Bytes of a value: 64, 64-1024, or 64:9,1024:1
    #[arg(long, value_name = "SIZES", default_value = "64")]
    pub value_size: loadgen::workload::Sizes,
    /// Fill every key before the load
    #[arg(long)]
    pub preload: bool,
    /// How long to measure; each step of --rate as long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, conflicts_with = "requests")]
    pub duration: Duration,
    /// End after N operations instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// How long to go on before measuring
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub warmup: Duration,
    /// Send N operations a second whatever the servers do, and measure from the planned instants; N,M,... for steps
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = rate)]
    pub rate: Vec<f64>,
    /// How the planned instants follow one another
    #[arg(long, value_name = "HOW", default_value = "constant", requires = "rate")]
    pub arrivals: ArrivalsName,
    /// How long the rate rises to its first step, before the warm-up
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, requires = "rate")]
    pub ramp: Duration,
    /// How long an operation may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub timeout: Duration,
    /// What to send again
    #[arg(long, value_name = "WHAT", default_value = "redirects")]
    pub retry: RetryName,
    /// Who serves reads
    #[arg(long, value_name = "WHO", default_value = "primary")]
    pub read_from: ReadFromName,
    /// How the node of a slot is known
    #[arg(long, value_name = "HOW", default_value = "slots")]
    pub routing: RoutingName,
    /// What moves the bytes; TLS is always spoken by tokio
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    pub engine: EngineName,
    /// The version of RESP to speak
    #[arg(long, value_name = "2|3", default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub resp: u8,
    /// The seed of all that is drawn by chance [default: drawn by chance]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The folder that gets this run's folder
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// How to print the outcome
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
}

/// How keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyChoice {
    /// Each as likely as any other
    Uniform,
    /// One after the other
    Sequential,
    /// A few much more often than the rest (exponent 0.99)
    Zipf,
    /// Around the middle one (deviation: a sixth of all)
    Gaussian,
    /// Nine of ten from one slot
    HotSlot,
}

/// How planned instants follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsName {
    /// At equal distances
    Constant,
    /// At random, independent of one another
    Poisson,
}

/// What to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RetryName {
    /// Nothing
    None,
    /// What a server refused to execute: MOVED, ASK, TRYAGAIN, CLUSTERDOWN, LOADING
    Redirects,
    /// That, and what may have been executed before its connection was lost
    All,
}

/// Who serves reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReadFromName {
    /// The primary of the slot
    Primary,
    /// A replica of it, where there is one
    Replica,
    /// Any of them
    Any,
}

/// How the node of a slot is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoutingName {
    /// From the cluster's topology
    Slots,
    /// From MOVED alone, as a naive client learns it
    Redirect,
}

/// What moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// io_uring where the kernel allows it, else tokio
    Auto,
    /// A task of tokio for each socket, by epoll
    Tokio,
    /// io_uring, or an error
    #[value(name = "io_uring")]
    IoUring,
}
