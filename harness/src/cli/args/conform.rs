//! The arguments of `rct conform`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use suites::Level;

use super::{Format, TargetArguments};

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
