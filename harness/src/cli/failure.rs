//! Why a command did not do what it was asked for, and the exit status that tells it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use defects::MatrixError;
use loadgen::workload::VerifyError;
use suites::{CatalogueError, Server};

use super::part::PartError;
use super::target_spec::TargetSpecError;
use crate::record::{ExitStatus, ReportError};
use crate::runner::gate::GateError;
use crate::runner::known::KnownError;
use crate::runner::load::parts::NoParts;
use crate::runner::load::{FaultError, LoadRunError, ResultsError, WorkloadSourceError};
use crate::runner::selection::SelectionError;
use targets::TargetError;

/// Why a command did not do what it was asked for. Every message is a sentence that stands after `rct: `.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Failure {
    /// The options name no target.
    #[error(transparent)]
    TargetSpec(#[from] TargetSpecError),
    /// A suite file does not load.
    #[error(transparent)]
    Suites(#[from] CatalogueError),
    /// `rct lint` found mistakes, which are printed already.
    #[error("found {mistakes} in {files}")]
    Lint {
        /// How many: `2 mistakes`.
        mistakes: String,
        /// In how many files: `1 file`.
        files: String,
    },
    /// The matrix of defects and checks does not load.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// A list of known deviations does not load.
    #[error(transparent)]
    Known(#[from] KnownError),
    /// A workload does not load.
    #[error(transparent)]
    Workload(#[from] WorkloadSourceError),
    /// The run's folder cannot be made.
    #[error("{0}; --out names another folder")]
    Folder(#[source] ReportError),
    /// A run or its reports cannot be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is no run to show.
    #[error("there is no run in {folder}/; name the folder of a run")]
    NoRun {
        /// Where rct looked.
        folder: &'static str,
    },
    /// `--failed` with a run in which nothing failed.
    #[error("no check failed in {}; leave out --failed to run all checks", run.display())]
    NothingFailed {
        /// The run.
        run: PathBuf,
    },
    /// A run of load was to be part of a matrix.
    #[error("{} is a run of rct load; a matrix shows runs of rct conform", path.display())]
    LoadInMatrix {
        /// The run.
        path: PathBuf,
    },
    /// A run of checks was to be part of a load run.
    #[error("{} is a run of rct conform; rct merge takes runs of rct load --part K/N", path.display())]
    ConformInMerge {
        /// The run.
        path: PathBuf,
    },
    /// Data cannot be written as JSON.
    #[error("cannot print as JSON: {0}; --format human prints it for people")]
    Json(#[from] serde_json::Error),
    /// A run of checks was to be compared with a run of load.
    #[error("cannot compare a run of rct conform with a run of rct load; name two of the same command")]
    DifferentCommands,
    /// A gate cannot be read.
    #[error("--fail-if: {0}")]
    Gate(#[from] GateError),
    /// This generator cannot be one of several.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The results of a run cannot be taken out of the cluster.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// `--from` with several runs.
    #[error("--from takes one run; name its rendezvous, such as night-17")]
    OneName,
    /// The metrics cannot be served.
    #[error("cannot serve --metrics at {address}: {source}; choose another port of this machine")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to merge.
    #[error(transparent)]
    NoParts(#[from] NoParts),
    /// An event cannot be planned.
    #[error("--fault: {0}")]
    Fault(#[from] FaultError),
    /// `--fail-if` with two runs of checks.
    #[error("--fail-if compares two runs of rct load; leave it out for runs of rct conform")]
    GateOfChecks,
    /// `--format html` with two runs of checks.
    #[error("rct compare draws pages of two runs of rct load; rct matrix makes a page of runs of rct conform")]
    PageOfChecks,
    /// A file is in the way of one that an option creates.
    #[error("{option} does not replace {}; name a file that does not exist", path.display())]
    FileExists {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The selection of checks is wrong or empty.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// No check has the id that was typed.
    #[error("no check is called {typed:?}{hint}; `rct list` shows all")]
    UnknownCheck {
        /// What was typed.
        typed: String,
        /// The nearest id, as a question in brackets, or nothing.
        hint: String,
    },
    /// No check or defect fits the patterns that were typed.
    #[error("no {kind} fits {typed:?}{hint}; `{list}` shows all")]
    NothingFits {
        /// What was searched: `check` or `defect`.
        kind: &'static str,
        /// What was typed.
        typed: String,
        /// What may have been meant, as a question in brackets, or nothing.
        hint: String,
        /// The command that shows all names.
        list: &'static str,
    },
    /// Suite files load, but hold no check.
    #[error("{files} read, but no check found; a check begins with [[check]]")]
    NoChecks {
        /// How many files: `1 file`.
        files: String,
    },
    /// The server is older than all rules.
    #[error("rct judges servers from {from} on; this is {0}", from = Server::RULES_FROM)]
    TooOld(Server),
    /// There is no cluster.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A load run did not come to its end.
    #[error(transparent)]
    Load(#[from] LoadRunError),
    /// The workload cannot be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The system refused something that rct cannot do without.
    #[error("cannot {action}: {source}; raise the limits of this user (ulimit -a shows them)")]
    System {
        /// What rct wanted to do.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Failure {
    /// Returns the status to exit with.
    pub(super) fn status(&self) -> ExitStatus {
        match self {
            Self::Target(error) if error.is_usage() => ExitStatus::Usage,
            Self::Target(_) | Self::System { .. } => ExitStatus::ClusterLost,
            Self::Results(ResultsError::Nothing { .. }) => ExitStatus::NothingRan,
            Self::Results(_) => ExitStatus::ClusterLost,
            Self::Load(error) => error.status(),
            Self::Selection(_)
            | Self::NothingFailed { .. }
            | Self::UnknownCheck { .. }
            | Self::NothingFits { .. }
            | Self::NoChecks { .. } => ExitStatus::NothingRan,
            Self::TargetSpec(_)
            | Self::Suites(_)
            | Self::Lint { .. }
            | Self::Matrix(_)
            | Self::Known(_)
            | Self::Workload(_)
            | Self::Verify(_)
            | Self::Folder(_)
            | Self::FileExists { .. }
            | Self::Report(_)
            | Self::NoRun { .. }
            | Self::LoadInMatrix { .. }
            | Self::ConformInMerge { .. }
            | Self::TooOld(_)
            | Self::Json(_)
            | Self::Gate(_)
            | Self::Part(_)
            | Self::NoParts(_)
            | Self::OneName
            | Self::Metrics { .. }
            | Self::Fault(_)
            | Self::GateOfChecks
            | Self::PageOfChecks
            | Self::DifferentCommands => ExitStatus::Usage,
        }
    }
}
