//! Why the generators of a run do not meet.

use loadgen::{LoadError, Share};
use wire::WireError;

use crate::runner::load::caller::CallError;

/// Why the generators do not start together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeetingError {
    /// No node answers.
    #[error("{0}; check that the cluster is up and lets rct in")]
    Wire(#[from] WireError),
    /// Nobody says which node serves a slot.
    #[error(transparent)]
    Layout(#[from] LoadError),
    /// The keys cannot be read or written.
    #[error(
        "cannot use the keys of --rendezvous: {0}; let the user write keys that begin with \"rct:\", or use --start-at"
    )]
    Keys(#[from] CallError),
    /// The server does not tell the time.
    #[error("TIME answered {0}; use a server that knows TIME")]
    Time(String),
    /// Two generators have the same number.
    #[error(
        "another generator already is part {0} of this rendezvous; give each one its own number, or choose a new --rendezvous name"
    )]
    Twice(Share),
    /// The generators have different plans.
    #[error(
        "part {other} has another plan: its {option} is {theirs:?}, and that of part {own} is {ours:?}; give all parts the same options"
    )]
    OtherPlan {
        /// The number of this generator.
        own: u32,
        /// The number of the other one.
        other: u32,
        /// The option.
        option: String,
        /// Its value at this generator.
        ours: String,
        /// Its value at the other one.
        theirs: String,
    },
    /// The clocks do not agree.
    #[error(
        "the clock of this machine is {difference} that of the server; synchronize the clocks, or use --rendezvous, which does not need them"
    )]
    Clock {
        /// The difference, such as `2.3 s ahead of`.
        difference: String,
    },
}

impl MeetingError {
    /// Whether the command line of a generator is wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Twice(_) | Self::OtherPlan { .. })
    }
}
