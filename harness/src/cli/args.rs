//! The command line as typed. Everything here is a contract: scripts and CI gates rely on it.

mod conform;
mod load;
mod target;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
pub use conform::{Conform, LevelName};
pub use load::{ArrivalsName, EngineName, KeyChoice, Load, ReadFromName, RetryName, RoutingName};
pub use target::{TargetArguments, TlsArguments};

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        super::Arguments::command().debug_assert();
    }
}
