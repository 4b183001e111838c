//! All limits on waiting, in one table.
//!
//! Most limits follow from the `cluster-node-timeout` of the target: a cluster that notices a dead node after 15 s
//! cannot fail over in 3 s.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// The named limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The `cluster-node-timeout` of the target; not a limit itself.
    pub node_timeout: Duration,
    /// From the start of a connection until it is ready, AUTH and HELLO included.
    pub connect: Duration,
    /// From a command until its reply.
    pub reply: Duration,
    /// From a change of slots, roles or epochs until every node knows it.
    pub converge: Duration,
    /// From a write until every replica of its primary has it.
    pub replicate: Duration,
    /// From the death of a primary until all nodes know its successor, which serves its slots.
    pub failover: Duration,
    /// From the start of a node until it answers and its view and data agree with the other nodes.
    pub restart: Duration,
    /// How long the votes of one election may count in the next one.
    ///
    /// Redis, and Valkey before 9.0, forget the votes only when the time to answer them is over (redis/redis#8753,
    /// valkey-io/valkey#1711).
    pub votes: Duration,
    /// The whole of one check.
    pub check: Duration,
    /// The longest pause between two attempts of a wait.
    pub poll: Duration,
}

impl Limits {
    /// The limits for a cluster with this node timeout.
    #[must_use]
    pub fn of_node_timeout(node_timeout: Duration) -> Self {
        let seconds = Duration::from_secs;
        Self {
            node_timeout,
            connect: seconds(5),
            reply: seconds(10),
            converge: seconds(5) + node_timeout * 3,
            replicate: seconds(5),
            failover: seconds(10) + node_timeout * 6,
            restart: seconds(10) + node_timeout * 4,
            votes: seconds(2).max(node_timeout * 2),
            check: seconds(60) + node_timeout * 20,
            poll: Duration::from_millis(25),
        }
    }

    /// The same limits on a cluster whose primaries wait this long before they send their data to a replica
    /// (`repl-diskless-sync-delay`).
    #[must_use]
    pub fn with_sync_delay(self, delay: Duration) -> Self {
        Self {
            replicate: self.replicate + delay,
            failover: self.failover + delay,
            restart: self.restart + delay,
            check: self.check + delay * 4,
            ..self
        }
    }

    /// The limit with this name.
    #[must_use]
    pub fn named(&self, name: LimitName) -> Duration {
        match name {
            LimitName::Reply => self.reply,
            LimitName::Converge => self.converge,
            LimitName::Replicate => self.replicate,
            LimitName::Failover => self.failover,
            LimitName::Restart => self.restart,
        }
    }
}

/// The limits that `within` in a suite file may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitName {
    /// [`Limits::reply`].
    Reply,
    /// [`Limits::converge`].
    Converge,
    /// [`Limits::replicate`].
    Replicate,
    /// [`Limits::failover`].
    Failover,
    /// [`Limits::restart`].
    Restart,
}

impl fmt::Display for LimitName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Reply => "reply",
            Self::Converge => "converge",
            Self::Replicate => "replicate",
            Self::Failover => "failover",
            Self::Restart => "restart",
        })
    }
}
