//! Why a run of load could not begin.

use wire::WireError;

/// The error of this crate. What happens after the beginning is counted, and ends nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The plan cannot be carried out; says what to change.
    #[error("{0}")]
    Plan(String),
    /// No node told its slots; names the last that was asked.
    #[error("learn which node serves which slot: {0}")]
    Layout(String),
    /// A node could not be asked.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Not one socket could be made ready.
    #[error("connect: no socket was ready within {limit_s} s; {reason}")]
    NoSockets {
        /// The limit, in seconds.
        limit_s: f64,
        /// What befell them.
        reason: String,
    },
    /// A thread, a runtime or a timer could not be had from the system.
    #[error("start a worker: {0}")]
    System(#[from] std::io::Error),
}
