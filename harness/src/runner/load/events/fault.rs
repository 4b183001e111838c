//! What a user can ask for: an action, a node or shard, options and an instant.

use std::fmt;
use std::time::Duration;

use wire::Address;

/// An event as the user planned it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What rct does.
    pub action: Action,
    /// When, from the start of the load, its warm-up included.
    pub at: Duration,
}

/// What rct does to the cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Kill a process without warning; start it again after the time, if there is one.
    Kill(On, Option<Duration>),
    /// Let a process stand still for a time.
    Pause(On, Duration),
    /// End a process in order and start it again.
    Restart(On),
    /// Cut a node off from the other nodes for a time.
    Isolate(On, Duration),
    /// End all processes of a shard in order; start them again after the time, if there is one.
    Stop(On, Option<Duration>),
    /// Promote a replica with CLUSTER FAILOVER.
    Failover(FailoverKind, On),
    /// Move slots from one primary to another.
    Move(u16, MoveBy),
    /// Start a node, and let it take over its share of the slots.
    AddNode,
    /// Move a primary's slots to the other primaries, and let all nodes forget it.
    RemoveNode(On),
    /// Restart one node after the other, replicas first.
    RollingRestart,
}

/// The node or shard that an action concerns.
#[derive(Debug, Clone, PartialEq)]
pub enum On {
    /// A primary that the seed selects.
    Primary,
    /// A replica that the seed selects.
    Replica,
    /// The node that announces this address.
    Node(Address),
    /// The shard with this number, from 1; for an action on one node, its primary.
    Shard(usize),
}

/// How a replica is promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverKind {
    /// The primary hands over.
    Agreed,
    /// The primary need not be reachable.
    Force,
    /// Without a vote of the other primaries.
    Takeover,
}

/// How slots move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveBy {
    /// Slot by slot with SETSLOT and MIGRATE.
    Migrate,
    /// With CLUSTER MIGRATESLOTS, which Valkey has from 9.0 on.
    Atomic,
}

/// Why an event cannot be planned. Each text stands after `--fault: ` or after the name of the workload file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// The text is no event.
    #[error("cannot read {text:?}: {mistake}")]
    Text {
        /// The text.
        text: String,
        /// What is wrong with it, and what is allowed.
        mistake: String,
    },
    /// The event comes after the end of the run.
    #[error("{text:?} comes after the end of the load at {end_s} s; use an earlier @TIME or a longer --duration")]
    TooLate {
        /// The event.
        text: String,
        /// The planned end, in seconds from the start of the load.
        end_s: f64,
    },
    /// The cluster belongs to somebody else, who has not permitted it.
    #[error("{text:?} would disturb a cluster given by address; --allow-disruption permits that")]
    NotAllowed {
        /// The event.
        text: String,
    },
    /// The target or the cluster does not have what the event needs.
    #[error("{text:?} is not possible: {reason}")]
    Impossible {
        /// The event.
        text: String,
        /// What is missing, and what to do.
        reason: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: &Duration| format!(" {}", Seconds(*time));
        let perhaps = |span: &Option<Duration>| span.as_ref().map(time).unwrap_or_default();
        match &self.action {
            Action::Kill(on, span) => write!(formatter, "kill {on}{}", perhaps(span))?,
            Action::Pause(on, span) => write!(formatter, "pause {on}{}", time(span))?,
            Action::Restart(on) => write!(formatter, "restart {on}")?,
            Action::Isolate(on, span) => write!(formatter, "isolate {on}{}", time(span))?,
            Action::Stop(on, span) => write!(formatter, "stop {on}{}", perhaps(span))?,
            Action::Failover(kind, on) => {
                let kind = match kind {
                    FailoverKind::Agreed => "",
                    FailoverKind::Force => " force",
                    FailoverKind::Takeover => " takeover",
                };
                write!(formatter, "failover{kind}")?;
                if *on != On::Primary {
                    write!(formatter, " {on}")?;
                }
            }
            Action::Move(slots, by) => {
                let by = if *by == MoveBy::Atomic { " by=atomic" } else { "" };
                write!(formatter, "move {slots} slots{by}")?;
            }
            Action::AddNode => formatter.write_str("add node")?,
            Action::RemoveNode(On::Node(address)) => write!(formatter, "remove node {address}")?,
            Action::RemoveNode(_) => formatter.write_str("remove node")?,
            Action::RollingRestart => formatter.write_str("rolling-restart")?,
        }
        write!(formatter, " @{}", Seconds(self.at))
    }
}

impl fmt::Display for On {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary => formatter.write_str("primary"),
            Self::Replica => formatter.write_str("replica"),
            Self::Node(address) => write!(formatter, "node {address}"),
            Self::Shard(number) => write!(formatter, "shard {number}"),
        }
    }
}

/// A time as it is typed.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1_000 == 0 => write!(formatter, "{}s", ms / 1_000),
            ms => write!(formatter, "{ms}ms"),
        }
    }
}
