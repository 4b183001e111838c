//! The error of a load run.

use wire::WireError;

/// Why a load run could not start. Once it has started, faults of servers are counted and do not end it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The plan is impossible. The text says what to change.
    #[error("{0}")]
    Plan(String),
    /// No node gave a usable layout. The text is about the last node that was asked.
    #[error("cannot find out which node serves which slot: {0}")]
    Layout(String),
    /// No node could be asked. The source is about the last one.
    #[error("{0}; check that the cluster is up and lets rct in")]
    Wire(#[from] WireError),
    /// Not one client could connect.
    #[error("no client could connect within {limit_s} s; {hint}")]
    NoSockets {
        /// The limit, in seconds.
        limit_s: f64,
        /// Why the first of them could not, or what to do.
        hint: String,
    },
    /// The generators of the run do not start together. The text says why and what to do.
    #[error("{0}")]
    Start(String),
    /// The operating system refused a thread, a timer or another resource.
    #[error("the load generator failed: {0}")]
    System(#[from] std::io::Error),
}

impl LoadError {
    /// Whether the run may have sent operations before it failed.
    #[must_use]
    pub fn may_have_sent(&self) -> bool {
        matches!(self, Self::System(_))
    }
}
