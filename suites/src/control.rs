//! What a check may do to the processes of the nodes. The targets implement it, each in its own way.

use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use wire::Address;

use crate::outcome::Mismatch;
use crate::tls_ports::TlsPorts;

/// The future of an action on a node.
pub type ControlFuture<'a, T = ()> = LocalBoxFuture<'a, Result<T, ControlError>>;

/// The actions on nodes, each of which is named by the address that it announces.
///
/// A method returns only after the action has taken effect: a killed process has ended, a paused one stands still, and a
/// restarted one answers PING.
pub trait NodeControl {
    /// Whether the target can perform this kind of action.
    fn offers(&self, fault: Fault) -> bool;

    /// Kills the process of a node without warning; its files remain for [`NodeControl::restart`].
    fn kill<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Asks a node to end (SIGTERM) and waits until its process has ended.
    fn stop<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Starts a killed or stopped node again at the same address, or restarts a running one.
    fn restart<'a>(&'a self, node: &'a Address, how: Restart) -> ControlFuture<'a>;

    /// Pauses the process of a node: it keeps its connections but answers nothing.
    fn pause<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Resumes a paused node.
    fn resume<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Cuts a node off from the other nodes. It depends on the target whether clients still reach the node.
    fn isolate<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Connects a node that was cut off to the other nodes again.
    fn heal<'a>(&'a self, node: &'a Address) -> ControlFuture<'a>;

    /// Starts one more server that belongs to no cluster, and returns the address that it announces.
    fn start_spare<'a>(&'a self, spare: Spare) -> ControlFuture<'a, Address>;

    /// The state of a node's process, as far as the target can see it.
    fn state(&self, node: &Address) -> NodeState;

    /// The last lines of a node's log, if the target has the log.
    fn log_tail(&self, node: &Address) -> Option<String>;

    /// The TLS ports with which the target started the nodes; `None` where it started none with such ports.
    fn tls_ports(&self) -> Option<TlsPorts> {
        None
    }

    /// The port without TLS of a node that announces its TLS port; `None` if it has no such port.
    fn plain_port(&self, node: &Address) -> Option<u16> {
        let _ = node;
        None
    }

    /// The servers that the target started and that crashed by themselves.
    ///
    /// With `in_logs`, the logs of servers that still run are searched too: one that hangs while it reports a crash has
    /// crashed. Targets that cannot see processes know of none.
    fn crashes(&self, in_logs: bool) -> Vec<Crash> {
        let _ = in_logs;
        Vec::new()
    }
}

/// A server that crashed: nobody ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The address that it announced.
    pub node: Address,
    /// What shows it, as a clause whose subject is the server: `it ended by signal 11 (SIGSEGV)`.
    pub how: String,
    /// The lines of its log that show it, indented by two spaces.
    pub log: Option<String>,
}

impl Crash {
    /// The crash as the evidence of a broken rule.
    #[must_use]
    pub fn mismatch(&self) -> Mismatch {
        Mismatch {
            to: Some(self.node.to_string()),
            expected: "a server that runs until rct ends it".to_owned(),
            received: format!("the server crashed: {}", self.how),
            note: self.log.as_ref().map(|log| format!("the lines of its log that show it:\n{log}")),
            ..Mismatch::default()
        }
    }
}

/// A kind of action on a node.
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
    /// Replacing the cluster with a new one after a check that leaves damage which cannot be repaired.
    Discard,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Kill => "kill a node",
            Self::Restart => "restart a node",
            Self::Pause => "pause a node",
            Self::Isolate => "cut a node off from the others",
            Self::Spare => "start a spare node",
            Self::Discard => "replace the cluster with a new one",
        })
    }
}

/// What remains of a node when it starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Its data and its `nodes.conf`.
    WithData,
    /// Its `nodes.conf`, but no data.
    WithoutData,
}

/// A server to start beside the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spare {
    /// Whether it starts without cluster support.
    pub standalone: bool,
    /// More settings: names and values as in the configuration file of the server.
    pub settings: Vec<(String, String)>,
}

/// The state of a node's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeState {
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It runs, but is cut off from the other nodes.
    CutOff,
    /// It has ended; the text says how.
    Ended(String),
    /// The target cannot see processes.
    Unknown,
}

/// Why a target could not perform an action.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ControlError {
    /// The target cannot perform this kind of action. The runner skips a check that needs it before the check starts.
    #[error("this target cannot {0}")]
    NotOffered(Fault),
    /// No node of the target has this address.
    #[error("the target has no node with the address {0}")]
    UnknownNode(Address),
    /// The action did not take effect in time.
    #[error("the target did not {what} within {:.1} s", limit.as_secs_f64())]
    TimedOut {
        /// What the target had to do, as an infinitive: `end a process`.
        what: String,
        /// The limit that was exceeded.
        limit: Duration,
    },
    /// Another reason, as a sentence.
    #[error("{0}")]
    Failed(String),
}
