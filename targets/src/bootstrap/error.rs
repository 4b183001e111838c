//! Why a cluster could not be brought up.

use std::io;
use std::time::Duration;

use defects::ProxyError;
use wire::{Address, WireError};

/// How long a server may take from its start until it answers.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Why a cluster could not be formed.
#[derive(Debug, thiserror::Error)]
pub enum BringUpError {
    /// A server ended.
    #[error("the server at {at} ended ({how}){}", log_of(log))]
    Ended {
        /// The server.
        at: Address,
        /// How it ended.
        how: String,
        /// The last lines of its log.
        log: Option<String>,
    },
    /// A server runs, but does not answer.
    #[error("the server at {at} does not answer within {} s: {said}{}", ANSWER_LIMIT.as_secs(), log_of(log))]
    Silent {
        /// The server.
        at: Address,
        /// The last error of connecting to it.
        said: String,
        /// The last lines of its log.
        log: Option<String>,
    },
    /// A server answered a command of the forming with an error.
    #[error("the server at {at} refuses {command}: {error}")]
    Refused {
        /// The server.
        at: Address,
        /// The command.
        command: String,
        /// The error reply.
        error: String,
    },
    /// A connection broke, or its answer makes no sense.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The nodes do not agree in time.
    #[error("the nodes do not agree after {limit_s} s: {differences}")]
    Late {
        /// How long rct waited, in seconds.
        limit_s: u64,
        /// How the nodes' views differ from the plan.
        differences: String,
    },
    /// The cluster has become another than was planned, which happens when a node is so slow that others take over.
    #[error("the nodes changed their roles while the cluster was formed: {0}")]
    Astray(String),
    /// Another process listens where a proxy was to listen.
    #[error("another process took a port that rct had chosen: {0}")]
    Taken(#[source] io::Error),
    /// This machine has no more files, ports, processes or space.
    #[error("{0}")]
    Machine(String),
}

impl BringUpError {
    /// Whether somebody else took a port between its choice and the server's start.
    pub(crate) fn is_taken_port(&self) -> bool {
        match self {
            Self::Taken(_) => true,
            Self::Ended { log: Some(log), .. } => log.contains("in use"),
            _ => false,
        }
    }

    /// Whether it may succeed when nodes are given more time.
    pub(crate) fn may_be_haste(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Astray(_) | Self::Refused { .. })
    }
}

impl From<io::Error> for BringUpError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::Taken(error),
            _ => Self::Machine(format!("a server cannot be started: {error}")),
        }
    }
}

impl From<ProxyError> for BringUpError {
    fn from(error: ProxyError) -> Self {
        Self::Machine(error.to_string())
    }
}

fn log_of(log: &Option<String>) -> String {
    log.as_ref().map_or_else(String::new, |log| format!("; the last lines of its log:\n{log}"))
}
