//! The arguments of `rct conform`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use suites::{Level, Release};

use super::format::{EXECUTION, Format, OUTPUT};
use super::target::BY_ADDRESS;
use super::target::TargetArguments;

/// The headings of the options that select and judge checks.
const CHECKS: &str = "Checks";
const VERDICT: &str = "Verdict";

/// `rct conform`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: check a running cluster, and accept the deviations that known.toml lists
  rct conform --target 127.0.0.1:7000 --known known.toml

Exit status: 0 every check ended as expected; 1 a rule was broken, or an entry of a known list is stale; \
2 wrong usage; 3 a check could not be judged; 4 no check was selected, or every selected check was skipped; 130 Ctrl-C.")]
pub struct Conform {
    /// The cluster to check.
    #[command(flatten)]
    pub target: TargetArguments,
    /// Let checks kill, pause, fail over, reshard and reconfigure nodes.
    ///
    /// Without this option rct skips every check that would disturb a cluster given by address. With it rct restores
    /// roles, slots and settings after each such check. Clusters that rct starts are always disturbed.
    #[arg(long, help_heading = BY_ADDRESS)]
    pub allow_disruption: bool,
    /// Your program that kills, restarts and pauses nodes [default: skip the checks that need it].
    ///
    /// rct calls it as PROGRAM FAULT HOST:PORT. Called as PROGRAM offers, it prints the faults that it can inject, out of:
    /// kill, stop, restart, restart-without-data, pause, resume, isolate, heal. docs/targets.md has an example.
    #[arg(long, value_name = "PROGRAM", requires = "allow_disruption", help_heading = BY_ADDRESS)]
    pub fault_hook: Option<PathBuf>,
    /// Run only the checks that match PATTERN (repeatable) [default: all].
    ///
    /// PATTERN is a check's id or a suite's name, in which * stands for any text: moved/every-slot, moved, 'mov*'.
    #[arg(long, value_name = "PATTERN", help_heading = CHECKS)]
    pub run: Vec<String>,
    /// Leave out the checks that match PATTERN (repeatable) [default: none].
    #[arg(long, value_name = "PATTERN", help_heading = CHECKS)]
    pub skip: Vec<String>,
    /// Run only the checks that failed in an earlier run, by its folder or its run.json [default: all].
    ///
    /// These are the checks with the verdict FAIL, STALE, BROKEN or FLAKY.
    #[arg(long, value_name = "RUN", help_heading = CHECKS)]
    pub failed: Option<PathBuf>,
    /// Leave out every check that disturbs a cluster, also one that rct started.
    #[arg(long, help_heading = CHECKS)]
    pub calm: bool,
    /// Run only checks that VERSION of rct had, so that an update of rct adds none [default: all].
    ///
    /// Later versions of rct may correct a check, and rct runs the corrected one.
    #[arg(long, value_name = "VERSION", help_heading = CHECKS)]
    pub checks_as_of: Option<Release>,
    /// Add your checks: a suite file, or every *.toml of a folder (repeatable) [default: none].
    #[arg(long, value_name = "FILE|DIR", help_heading = CHECKS)]
    pub suite: Vec<PathBuf>,
    /// The lowest level at which a failed check fails the run.
    #[arg(long, value_name = "LEVEL", default_value = "must", help_heading = VERDICT)]
    pub level: LevelName,
    /// Expect the failures that this list of known deviations names (repeatable) [default: none].
    ///
    /// A listed check that fails does not fail the run. A listed check that passes does, because the entry is stale.
    #[arg(long, value_name = "FILE", help_heading = VERDICT)]
    pub known: Vec<PathBuf>,
    /// Write a list of known deviations with the failures of this run to a new file [default: none].
    ///
    /// Fill in the reason of each entry. --known refuses an entry without a reason.
    #[arg(long, value_name = "FILE", help_heading = VERDICT)]
    pub write_known: Option<PathBuf>,
    /// Start no further check after the first that fails the run.
    #[arg(long, help_heading = EXECUTION)]
    pub fail_fast: bool,
    /// Run up to N checks on the shared cluster, and up to N clusters beside it [default: 8].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = EXECUTION)]
    pub jobs: Option<u16>,
    /// The version of RESP on all connections for which a check needs no other one.
    #[arg(long, value_name = "VERSION", default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3),
          help_heading = EXECUTION)]
    pub resp: u8,
    /// The seed of all random choices [default: random; every report shows it].
    #[arg(long, value_name = "N", help_heading = EXECUTION)]
    pub seed: Option<u64>,
    /// The folder in which rct creates the run's own folder.
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = OUTPUT)]
    pub out: PathBuf,
    /// The format of the outcome on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: Format,
    /// Print a line for every check, also for those that pass.
    #[arg(long, short, help_heading = OUTPUT)]
    pub verbose: bool,
    /// Print only the checks that did not end as expected, and the verdict.
    #[arg(long, short, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,
    /// Write no annotations and no summary in a job of GitHub Actions.
    #[arg(long, help_heading = OUTPUT)]
    pub no_github: bool,
}

/// A level by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelName {
    /// Clients or operators rely on the rule
    Must,
    /// The rule is documented, but clients can do without it
    Should,
    /// The rule concerns an optional feature
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
