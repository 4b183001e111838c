//! Why a load run did not come to its end.

use loadgen::LoadError;

use super::events::FaultError;
use super::meeting::MeetingError;
use super::results::ResultsError;
use crate::record::{ExitStatus, ReportError};
use crate::text::printable;
use targets::TargetError;

/// Why a load run did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadRunError {
    /// There is no cluster.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The load could not begin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// rct could not write or delete every key.
    #[error(
        "only {operations} of {wanted} keys of {space:?} could be {done}{}; look at the servers' logs",
        because(texts)
    )]
    Keys {
        /// What was to be done to the keys: `filled` or `deleted`.
        done: &'static str,
        /// The name of the key space.
        space: String,
        /// How many keys there are.
        wanted: u64,
        /// For how many of them it was done.
        operations: u64,
        /// The first text of each kind of error.
        texts: Vec<String>,
    },
    /// The generators of the run do not meet.
    #[error(transparent)]
    Meeting(#[from] MeetingError),
    /// The results cannot stay in the cluster.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A file of the run could not be written.
    #[error("{0}; --out names another folder")]
    Report(#[from] ReportError),
    /// An event cannot be performed on this cluster.
    #[error("--fault: {0}")]
    Fault(#[from] FaultError),
    /// The cluster is not as it was before the events.
    #[error("cannot give the cluster its processes, roles and slots back: {0}")]
    NotRestored(String),
    /// The run went to its end without a good reply.
    #[error("no operation got a good reply{}; the report counts how the operations ended{}", stopped(*stopped_after_s), said(texts))]
    NothingAnswered {
        /// When rct stopped the run for that reason, in seconds from its start.
        stopped_after_s: Option<f64>,
        /// The first text of each kind of error that the servers answered.
        texts: Vec<String>,
    },
}

impl LoadRunError {
    /// Returns the exit status that tells it.
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Target(error) if error.is_usage() => ExitStatus::Usage,
            Self::Meeting(error) if error.is_usage() => ExitStatus::Usage,
            Self::Load(LoadError::Plan(_)) | Self::Report(_) | Self::Fault(_) => ExitStatus::Usage,
            Self::Target(_)
            | Self::Load(_)
            | Self::Meeting(_)
            | Self::Results(_)
            | Self::Keys { .. }
            | Self::NotRestored(_)
            | Self::NothingAnswered { .. } => ExitStatus::ClusterLost,
        }
    }
}

fn because(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| printable(text)).collect();
    if texts.is_empty() { String::new() } else { format!(" because of {}", texts.join(", ")) }
}

fn stopped(after_s: Option<f64>) -> String {
    after_s.map_or_else(String::new, |seconds| format!(" in the first {seconds:.0} s, so rct stopped the run"))
}

fn said(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| printable(text)).collect();
    if texts.is_empty() { String::new() } else { format!("; the first errors said: {}", texts.join(", ")) }
}
