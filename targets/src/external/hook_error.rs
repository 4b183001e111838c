//! Why a fault hook cannot be used.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a fault hook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The program does not start.
    #[error("it cannot be run: {0}")]
    Start(#[from] io::Error),
    /// The program does not end in time.
    #[error("it does not end within {} s{said}", limit.as_secs())]
    TimedOut {
        /// The limit.
        limit: Duration,
        /// What it printed last.
        said: String,
    },
    /// The program fails.
    #[error("it ends with {status}{said}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it printed last.
        said: String,
    },
    /// The program offers a fault that rct does not know.
    #[error("it offers {word:?}; faults are: {known}")]
    Unknown {
        /// What it printed.
        word: String,
        /// All faults.
        known: String,
    },
    /// The program offers no fault.
    #[error("it offers nothing; faults are: {known}")]
    Nothing {
        /// All faults.
        known: String,
    },
    /// The program offers a fault that it cannot undo.
    #[error("it offers {act} without {undo}, which undoes it")]
    NoUndo {
        /// The fault.
        act: &'static str,
        /// What undoes it.
        undo: &'static str,
    },
}
