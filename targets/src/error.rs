//! Why there is no cluster.

use suites::{LiveCluster, Stop};

/// Why there is no cluster, in one or two lines that say what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    /// What is wrong.
    pub message: String,
    /// Whether the command line asks for something impossible, rather than the cluster failing.
    pub is_usage: bool,
}

impl TargetError {
    /// The cluster could not be brought up.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_usage: false }
    }

    /// The command line asks for something impossible.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_usage: true }
    }

    /// The cluster was there, and is not any more.
    pub fn lost(live: &LiveCluster) -> Self {
        let addresses: Vec<String> = live.topology().nodes.iter().map(|node| node.address.to_string()).collect();
        Self::failed(format!("the cluster was lost: not every node of {} answers any more", addresses.join(", ")))
    }

    /// The cluster did not come back to what it was after a check.
    pub fn unsettled(stop: &Stop) -> Self {
        Self::failed(format!("the cluster is not as it was before the last check: {stop}"))
    }
}
