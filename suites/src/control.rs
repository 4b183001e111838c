//! What a check may do to the nodes themselves; targets implement it.

use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use wire::Address;

/// What comes of a fault.
pub type ControlFuture<'a, T = ()> = LocalBoxFuture<'a, Result<T, ControlError>>;

/// Faults and other acts on nodes. Nodes are named by the address that they announce.
///
/// Every method ends only when its effect is there: a killed process is gone, a paused one is stopped, a restarted one
/// answers PING.
pub trait NodeControl {
    /// Whether the target can do this at all.
    fn offers(&self, fault: Fault) -> bool;

    /// Ends the node's process without warning; its data stays for [`NodeControl::restart`].
    fn kill<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Asks the node to end (SIGTERM) and waits until it has.
    fn stop<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Starts a node again that was killed or stopped, or restarts a running one, at the same address.
    fn restart<'a>(&'a self, node: &'a Address, how: Restart) -> ControlFuture<'a>;

    /// Stops the node's process for a while: it keeps its connections and answers nothing.
    fn pause<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Lets a paused node go on.
    fn resume<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Cuts a node off from the other nodes; whether clients still reach it is the target's to say.
    fn isolate<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Joins a node that was cut off to the others again.
    fn heal<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Starts one more server, known to no cluster, and gives the address that it announces.
    fn start_spare<'a>(&'a self, spare: Spare) -> ControlFuture<'a, Address>;

    /// Whether a node's process runs, as far as the target can see.
    fn state(&self, node: &Address) -> NodeState;

    /// The last lines of a node's log, where the target has it.
    fn log_tail(&self, node: &Address) -> Option<String>;
}

/// A kind of act on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// [`NodeControl::kill`].
    Kill,
    /// [`NodeControl::stop`] and [`NodeControl::restart`].
    Restart,
    /// [`NodeControl::pause`] and [`NodeControl::resume`].
    Pause,
    /// [`NodeControl::isolate`] and [`NodeControl::heal`].
    Isolate,
    /// [`NodeControl::start_spare`].
    Spare,
    /// Throwing the cluster away for a new one after a check that nothing would mend.
    Discard,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Kill => "kill a node",
            Self::Restart => "restart a node",
            Self::Pause => "pause a node",
            Self::Isolate => "cut a node off",
            Self::Spare => "start a spare node",
            Self::Discard => "put another cluster in this one's place",
        })
    }
}

/// What a restarted node finds of its past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Its data and its nodes configuration.
    WithData,
    /// Its nodes configuration, but no data.
    WithoutData,
}

/// A server to start beside the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spare {
    /// Without cluster support.
    pub standalone: bool,
    /// More settings, as in the server's configuration file.
    pub settings: Vec<(String, String)>,
}

/// Whether a node's process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeState {
    /// It runs.
    Running,
    /// It is stopped for a while.
    Paused,
    /// It runs, but is cut off from the other nodes.
    CutOff,
    /// It has ended, and how.
    Ended(String),
    /// The target cannot see processes.
    Unknown,
}

/// Why a target could not do what a check asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ControlError {
    /// The target cannot do this at all; the runner skips such checks before they start.
    #[error("{0} on this target, which does not offer it")]
    NotOffered(Fault),
    /// No node of the target has this address.
    #[error("find the node {0} among those of the target")]
    UnknownNode(Address),
    /// It did not happen in time.
    #[error("{what} within {limit:?}")]
    TimedOut {
        /// What was awaited.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
