//! Why a command of the container engine failed.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a command of the container engine or of Compose failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such program.
    #[error("{0} is not on PATH")]
    NoProgram(String),
    /// The system could not run the program.
    #[error("{program} cannot be run: {source}")]
    NotRun {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// The command failed.
    #[error("{command} failed: {said}")]
    Failed {
        /// The program and its subcommand, such as `docker network create`.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The line of its output that says why.
        said: String,
        /// All of its output.
        output: String,
    },
    /// The command did not end in time.
    #[error("{command} did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The program and its subcommand.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// The engine describes its containers in a form that rct does not know.
    #[error("cannot read what docker container inspect prints: {0}")]
    Description(#[from] serde_json::Error),
    /// A file for a container could not be written.
    #[error("cannot write {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The engine does not know a container that rct has just created.
    #[error("the container engine has no container {0}")]
    NoContainer(String),
    /// A new container neither publishes a port nor has an address.
    #[error("the container {0} ended as soon as it had started")]
    Ended(String),
    /// A cluster without nodes has no node that a new one could be like.
    #[error("the cluster has no node, so rct cannot start another one like it")]
    NoModel,
    /// The cluster has no address for another node.
    #[error("rct cannot add more than {0} containers to a cluster")]
    TooMany(u32),
}

impl EngineError {
    /// Whether the output of the command contains a text, which must be in lower case.
    pub(crate) fn says(&self, text: &str) -> bool {
        matches!(self, Self::Failed { output, .. } if output.to_ascii_lowercase().contains(text))
    }
}
