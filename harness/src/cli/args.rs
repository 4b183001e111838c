//! The command line as typed. Everything here is a contract: scripts and CI gates rely on it.

mod conform;
mod format;
mod generators;
mod load;
mod matrix;
mod merge;
mod target;
mod value;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
pub use conform::{Conform, LevelName};
pub use format::{CompareFormat, Format, ReportFormat};
use format::{EXECUTION, OUTPUT, SELECTION};
pub use load::{ArrivalsName, EngineName, KeyChoice, Load, ReadFromName, RetryName, RoutingName, VerifyName};
pub use matrix::{Matrix, Schema, SchemaName};
pub use merge::Merge;
pub use target::{StandaloneArgument, TargetArguments, TlsArguments, TlsPortsName};

/// Checks that a server behaves as a Redis Cluster, and measures it under load.
#[derive(Debug, Parser)]
#[command(name = "rct", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "\
Examples:
  rct conform                               check the server that is on PATH
  rct conform --target 127.0.0.1:7000       check a running cluster
  rct load --clients 200 --duration 10s     measure throughput and latency

Exit status: 0 as expected; 1 a rule was broken; 2 wrong usage; 3 something could not be judged; \
4 no check was selected, or every selected check was skipped; 130 Ctrl-C.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a process has one command")]
pub enum Command {
    /// Check every behaviour of a cluster that a client can see.
    Conform(Conform),
    /// Send load to a cluster, and report throughput, latency and errors.
    Load(Load),
    /// Bring up a cluster for your own use, until Ctrl-C.
    Up(Up),
    /// List the checks, or the defects of --defect.
    List(List),
    /// Show what a check requires, where the rule is written, and how rct checks it.
    Explain(Explain),
    /// Report the mistakes in suite files, without running a check.
    Lint(Lint),
    /// Show the report of an earlier run, in any format.
    Report(Report),
    /// Show how two runs differ.
    Compare(Compare),
    /// Make one load run of the runs of several generators.
    Merge(Merge),
    /// Make a page of products and versions by checks, from runs of rct conform.
    Matrix(Matrix),
    /// Print the JSON Schema of run.json, suite files or workload files.
    Schema(Schema),
    /// Remove containers, networks and volumes that killed runs left behind.
    Clean(Clean),
    /// Print a completion script for a shell.
    Completions(Completions),
    /// Print the man page of rct, or write those of all commands.
    Man(Man),
}

/// `rct up`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: bring up five primaries with a replica each
  rct up --shape 5+1")]
pub struct Up {
    /// The cluster to bring up.
    #[command(flatten)]
    pub target: TargetArguments,
    /// One server instead of a cluster.
    #[command(flatten)]
    pub alone: StandaloneArgument,
    /// Take the cluster down as soon as it is up, to see how long that takes.
    #[arg(long, help_heading = EXECUTION)]
    pub once: bool,
    /// The format in which rct prints the nodes.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: Format,
}

/// `rct list`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: list the checks of one suite
  rct list 'failover/*'")]
pub struct List {
    /// Ids or names of suites, in which * stands for any text [default: all].
    pub pattern: Vec<String>,
    /// List the defects that --defect takes, instead of the checks.
    ///
    /// --format json also names the checks that must notice each defect.
    #[arg(long, conflicts_with = "suite", help_heading = SELECTION)]
    pub defects: bool,
    /// List the rules that checks may cover, with the checks of each rule or the reason why it has none.
    #[arg(long, conflicts_with_all = ["suite", "defects"], help_heading = SELECTION)]
    pub statements: bool,
    /// Add your checks: a suite file, or every *.toml of a folder (repeatable) [default: none].
    #[arg(long, value_name = "FILE|DIR", help_heading = SELECTION)]
    pub suite: Vec<PathBuf>,
    /// The format of the list.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: Format,
}

/// `rct explain`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: explain a check that failed
  rct explain redirect/moved-from-non-owner")]
pub struct Explain {
    /// The check's id.
    pub check: String,
    /// Add your checks: a suite file, or every *.toml of a folder (repeatable) [default: none].
    #[arg(long, value_name = "FILE|DIR", help_heading = SELECTION)]
    pub suite: Vec<PathBuf>,
}

/// `rct lint`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: look for mistakes in a suite file of your own
  rct lint my.toml")]
pub struct Lint {
    /// Suite files, or folders of suite files.
    #[arg(required = true)]
    pub file: Vec<PathBuf>,
}

/// `rct report`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: make a page for a browser from an earlier run
  rct report results/2026-08-22T10-14-03Z-local --format html > report.html")]
pub struct Report {
    /// The run's folder, or its run.json [default: the latest run in results/].
    pub run: Option<PathBuf>,
    /// The format of the report.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: ReportFormat,
}

/// `rct compare`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: compare last night's run with today's
  rct compare results/2026-08-21T22-00-00Z-local results/2026-08-22T10-14-03Z-local

Exit status: 0 no check is worse in the later run; 1 a check is worse; 2 wrong usage. For two runs of \
`rct load`: 0 no --fail-if is true; 1 one is true; 3 rct could not judge one.")]
pub struct Compare {
    /// The folder of the earlier run.
    pub before: PathBuf,
    /// The folder of the later run.
    pub after: PathBuf,
    /// Fail if this is true, such as 'response.p99 > 1.10x'; for two runs of rct load (repeatable) [default: none].
    ///
    /// The expressions are those of rct load. Their values are ratios, later run / earlier run, with the unit x.
    #[arg(long, value_name = "EXPRESSION")]
    pub fail_if: Vec<String>,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: CompareFormat,
}

/// `rct clean`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: remove what killed runs left behind
  rct clean")]
pub struct Clean {
    /// Also remove what belongs to running runs, and to other machines that share the engine.
    #[arg(long, help_heading = SELECTION)]
    pub all: bool,
}

/// `rct completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: complete rct's options in bash
  rct completions bash > ~/.local/share/bash-completion/completions/rct")]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// `rct man`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: install the man pages for one user
  rct man --out ~/.local/share/man/man1")]
pub struct Man {
    /// Write rct.1 and a page for each command, such as rct-conform.1, into DIR [default: print rct.1].
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        super::Arguments::command().debug_assert();
    }
}
