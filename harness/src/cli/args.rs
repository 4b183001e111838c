//! The command line as typed. Everything here is a contract: scripts and CI gates rely on it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use suites::{Level, Shape};

/// Checks and loads anything that claims to speak Redis Cluster, and shows its evidence.
#[derive(Debug, Parser)]
#[command(name = "rct", version, arg_required_else_help = true, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 as expected, 1 a rule was broken, 2 wrong usage, 3 no cluster, 4 nothing ran, 130 interrupted."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a cluster: every behaviour that a client can see
    Conform(Conform),
    /// Drive slot-aware load and report latency that can be trusted
    Load(Load),
    /// Bring up a cluster to play with, until Ctrl-C
    Up(Up),
    /// List checks: id, level, needs, title
    List(List),
    /// Say what a check claims, where the rule is written, and how it is checked
    Explain(Explain),
    /// Read suite files and report mistakes; runs nothing
    Lint(Lint),
    /// Show the report of an earlier run again
    Report(Report),
    /// Show which verdicts differ between two runs
    Compare(Compare),
    /// Remove containers, networks and volumes that killed runs have left behind
    Clean(Clean),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// `rct conform`
#[derive(Debug, Args)]
pub struct Conform {
    /// The cluster to check.
    #[command(flatten)]
    pub target: TargetArguments,
    /// Run checks that fit PATTERN: an id, a suite, or either with *
    #[arg(long, value_name = "PATTERN")]
    pub run: Vec<String>,
    /// Leave out checks that fit PATTERN
    #[arg(long, value_name = "PATTERN")]
    pub skip: Vec<String>,
    /// Leave out every check that disturbs a cluster, also one of our own
    #[arg(long)]
    pub calm: bool,
    /// Add a suite file, or every *.toml of a folder
    #[arg(long, value_name = "FILE|DIR")]
    pub suite: Vec<PathBuf>,
    /// The lowest level whose failure fails the run
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    pub level: LevelName,
    /// A list of known deviations, expected to fail
    #[arg(long, value_name = "FILE")]
    pub known: Vec<PathBuf>,
    /// Checks at a time, and clusters at a time [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
    /// The seed of all that is drawn by chance [default: drawn by chance]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Permit checks that kill, pause, fail over, reshard or reconfigure a cluster given by address
    #[arg(long)]
    pub allow_disruption: bool,
    /// A program of yours that kills, restarts or pauses nodes of a cluster given by address, called as
    /// PROGRAM FAULT HOST:PORT; called as PROGRAM offers it prints the faults that it can do: kill, stop, restart,
    /// restart-without-data, pause, resume, isolate, heal
    #[arg(long, value_name = "PROGRAM", requires = "allow_disruption")]
    pub fault_hook: Option<PathBuf>,
    /// The folder that gets this run's folder
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// How to print the outcome
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
    /// Print a line for every check, also those that pass
    #[arg(long, short)]
    pub verbose: bool,
}

/// `rct load`
#[derive(Debug, Args)]
pub struct Load {
    /// The cluster to load.
    #[command(flatten)]
    pub target: TargetArguments,
    /// Sockets in total, spread over the nodes
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,
    /// Threads that drive them [default: one for each core and 50 clients, half as many from
    /// --pipeline 8 on]
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

/// Reads a time: a number and ms, s, m or h.
fn duration(text: &str) -> Result<Duration, String> {
    let refuse =
        || format!("expected a time such as 500ms, 10s, 2m or 1h, at most {} h", DURATION_MOST.as_secs() / 3600);
    let at = text.find(|character: char| character.is_ascii_alphabetic()).ok_or_else(refuse)?;
    let unit_s = match &text[at..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(refuse()),
    };
    let number: f64 = text[..at].parse().map_err(|_| refuse())?;
    let read = Duration::try_from_secs_f64(number * unit_s).map_err(|_| refuse())?;
    if read > DURATION_MOST { Err(refuse()) } else { Ok(read) }
}

/// The longest time that can be given.
const DURATION_MOST: Duration = Duration::from_secs(1_000 * 3600);

/// Reads a rate in operations a second.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.1..=1e8).contains(rate));
    rate.ok_or_else(|| "expected operations a second, from 0.1 to 100000000".to_owned())
}

/// Where the cluster comes from.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// local, compose, containers, or addresses: host:port,host:port, redis://user:password@host:port, rediss://...
    #[arg(long, value_name = "TARGET", default_value = "local", env = "RCT_TARGET", hide_env_values = true)]
    pub target: String,
    /// Primaries + replicas of each
    #[arg(long, value_name = "SHAPE", default_value = "3+1")]
    pub shape: Shape,
    /// The server program to start [default: valkey-server or redis-server on PATH]
    #[arg(long, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// The image of the nodes of --target compose or containers [default: RCT_IMAGE, or what docker-compose.yml says]
    #[arg(long, value_name = "IMAGE", conflicts_with = "server")]
    pub image: Option<String>,
    /// The compose file of --target compose [default: six nodes, as docker-compose.yml of rct's source]
    #[arg(long, value_name = "FILE")]
    pub compose_file: Option<PathBuf>,
    /// Reach a node that announces ADDRESS at another one (may be repeated)
    #[arg(long, value_name = "ADDRESS=REACHABLE")]
    pub map: Vec<String>,
    /// The cluster-node-timeout of clusters that rct starts, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..=600_000))]
    pub node_timeout: Option<u32>,
    /// Put a proxy before the servers of --target local that tells this lie, to see what a failure looks like
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// TLS settings.
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// How to speak TLS.
#[derive(Debug, Args)]
pub struct TlsArguments {
    /// Certificates to trust, in PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Our own certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of our own certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The name that the server's certificate must hold [default: the host]
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Take any certificate
    #[arg(long)]
    pub tls_insecure: bool,
}

/// `rct up`
#[derive(Debug, Args)]
pub struct Up {
    /// The cluster to bring up.
    #[command(flatten)]
    pub target: TargetArguments,
    /// Take it down again at once, and say how long it took to come up
    #[arg(long)]
    pub once: bool,
    /// How to print the nodes
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
}

/// `rct list`
#[derive(Debug, Args)]
pub struct List {
    /// Ids or suites, with * for any text [default: all]
    pub pattern: Vec<String>,
    /// List what `rct conform --defect` takes instead, with the checks that notice
    #[arg(long, conflicts_with = "suite")]
    pub defects: bool,
    /// Add a suite file, or every *.toml of a folder
    #[arg(long, value_name = "FILE|DIR")]
    pub suite: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
}

/// `rct explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The check's id
    pub check: String,
    /// Add a suite file, or every *.toml of a folder
    #[arg(long, value_name = "FILE|DIR")]
    pub suite: Vec<PathBuf>,
}

/// `rct lint`
#[derive(Debug, Args)]
pub struct Lint {
    /// Suite files, or folders of them
    #[arg(required = true)]
    pub file: Vec<PathBuf>,
}

/// `rct report`
#[derive(Debug, Args)]
pub struct Report {
    /// The run's folder, or its run.json
    pub run: PathBuf,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub format: ReportFormat,
}

/// `rct compare`
#[derive(Debug, Args)]
pub struct Compare {
    /// The earlier run's folder
    pub before: PathBuf,
    /// The later run's folder
    pub after: PathBuf,
}

/// `rct clean`
#[derive(Debug, Args)]
pub struct Clean {
    /// Also what belongs to runs of other machines that share the engine, and to runs that are still going
    #[arg(long)]
    pub all: bool,
}

/// `rct completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// How to print data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// run.json's content, and nothing else
    Json,
}

/// How to print an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people, as at the end of the run
    Human,
    /// run.json's content
    Json,
    /// JUnit XML
    Junit,
    /// Markdown
    Markdown,
    /// One HTML page
    Html,
}

/// A level by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelName {
    /// A client or an operator breaks without it
    Must,
    /// Documented or uniform
    Should,
    /// An optional feature
    May,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Must => Self::Must,
            LevelName::Should => Self::Should,
            LevelName::May => Self::May,
        }
    }
}

impl TargetArguments {
    /// The node timeout that was asked for.
    pub fn node_timeout(&self) -> Option<Duration> {
        self.node_timeout.map(|milliseconds| Duration::from_millis(milliseconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn times_and_rates_are_read() {
        assert_eq!(super::duration("1.5s"), Ok(std::time::Duration::from_millis(1500)));
        assert_eq!(super::duration("2m"), Ok(std::time::Duration::from_secs(120)));
        for text in ["", "5", "s", "-1s", "1d", "2000h", "infs", "nans"] {
            assert!(super::duration(text).is_err(), "{text:?}");
        }
        assert!(super::rate("0").is_err() && super::rate("nan").is_err() && super::rate("1e3") == Ok(1000.0));
    }

    #[test]
    fn the_definitions_hold_together() {
        super::Arguments::command().debug_assert();
    }
}
