//! Why a load run did not come to its end.

use loadgen::LoadError;

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
        because(codes)
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
        /// The codes of the errors that the servers answered.
        codes: Vec<String>,
    },
    /// A file of the run could not be written.
    #[error("{0}; --out names another folder")]
    Report(#[from] ReportError),
    /// The run went to its end without a good reply.
    #[error("no operation got a good reply; the report counts how the operations ended{}", said(texts))]
    NothingAnswered {
        /// The first text of each kind of error that the servers answered.
        texts: Vec<String>,
    },
}

impl LoadRunError {
    /// Returns the exit status that tells it.
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Target(error) if error.is_usage() => ExitStatus::Usage,
            Self::Load(LoadError::Plan(_)) | Self::Report(_) => ExitStatus::Usage,
            Self::Target(_) | Self::Load(_) | Self::Keys { .. } | Self::NothingAnswered { .. } => {
                ExitStatus::ClusterLost
            }
        }
    }
}

fn because(codes: &[String]) -> String {
    if codes.is_empty() { String::new() } else { format!(": the servers answered {}", codes.join(", ")) }
}

fn said(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| printable(text)).collect();
    if texts.is_empty() { String::new() } else { format!("; the servers said: {}", texts.join(", ")) }
}
