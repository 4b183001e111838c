//! Every bound on waiting, in one table.
//!
//! Bounds on the cluster are derived from its own `cluster-node-timeout`, read from the target, since a cluster that
//! is told to notice a dead node after 15 s cannot fail over in 3.

use std::time::Duration;

use serde::Deserialize;

/// The named limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The target's own `cluster-node-timeout`.
    pub node_timeout: Duration,
    /// Opening a connection, AUTH and HELLO included.
    pub connect: Duration,
    /// One reply.
    pub reply: Duration,
    /// A change of slots, roles or epochs until every node knows it.
    pub converge: Duration,
    /// A write until every replica of its primary has it.
    pub replicate: Duration,
    /// The death of a primary until its replica serves its slots everywhere.
    pub failover: Duration,
    /// A node's start until it answers, and until its views and data agree with the others'.
    pub restart: Duration,
    /// How long a server may take the votes of one election for those of the next: Redis and Valkey before 9.0 forget
    /// them only when the time for an answer to them is over (redis/redis#8753, valkey-io/valkey#1711).
    pub votes: Duration,
    /// One whole check.
    pub check: Duration,
    /// The pause between two looks in a wait, at most.
    pub poll: Duration,
}

impl Limits {
    /// The limits that follow from a node timeout.
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

    /// The limit of a name.
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

/// The limits that a step of a suite file may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
