//! Why a command of the container engine failed.

use std::process::ExitStatus;
use std::time::Duration;

use crate::bootstrap::error::BringUpError;

/// Why a command of the container engine or of Compose failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// There is no such program.
    #[error("{0} is not on PATH")]
    NoProgram(String),
    /// The system does not run it.
    #[error("{0}")]
    System(String),
    /// It failed.
    #[error("{said}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it said last.
        said: String,
        /// All that it said.
        all: String,
    },
    /// It did not end in time.
    #[error("{what} does not end within {} s", limit.as_secs())]
    TimedOut {
        /// The command.
        what: String,
        /// The limit.
        limit: Duration,
    },
}

impl EngineError {
    /// Whether it said this.
    pub(crate) fn says(&self, what: &str) -> bool {
        matches!(self, Self::Failed { all, .. } if all.to_ascii_lowercase().contains(what))
    }
}

impl From<EngineError> for BringUpError {
    fn from(error: EngineError) -> Self {
        Self::Machine(error.to_string())
    }
}
