//! What a worker reports for each second: times and counts by node, and the operations that were planned in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wire::Address;

use super::seconds::PlannedSecond;
use super::times::Times;
use super::unanswered::Unanswered;
use super::watch::WatchedSecond;
use crate::outcome::Outcomes;
use crate::packed;

/// What a time measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Measure {
    /// From the planned instant to the good reply.
    Response,
    /// From the last sending to the good reply.
    Service,
    /// Both of them, in closed loop, where they are the same.
    ResponseAndService,
    /// From the planned instant until rct gave up an operation without a good reply.
    Failed,
    /// From the planned instant until the generator reached it.
    SendLag,
}

/// The times of one node, command and measure within one interval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lane {
    /// The node that answered, or that should have.
    pub node: Arc<Address>,
    /// The number of the command in the workload.
    pub template: u16,
    /// What the times measure.
    pub measure: Measure,
    /// The times, in nanoseconds.
    #[serde(with = "packed::histogram")]
    pub times: Times,
}

/// The counts of one node within one interval.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct NodeCounts {
    /// Operations that open loop planned for the node, those that it never reached included.
    pub planned: u64,
    /// Replies and other outcomes; an operation that rct sends again counts each time.
    pub outcomes: Outcomes,
    /// Planned operations that the generator never reached.
    pub not_sent: u64,
    /// Reads that found something.
    pub hits: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Operations that ended without a good reply.
    pub failed: u64,
    /// The same, by the last problem of each.
    pub unanswered: Unanswered,
    /// The longest time without a good reply while operations waited, up to the end of the interval.
    pub longest_silence_ns: u64,
}

impl NodeCounts {
    /// Adds the counts of another; of two silences the longer one counts.
    pub(crate) fn add(&mut self, more: &Self) {
        self.planned += more.planned;
        self.outcomes.add(&more.outcomes);
        self.not_sent += more.not_sent;
        self.hits += more.hits;
        self.misses += more.misses;
        self.failed += more.failed;
        self.unanswered.add(&more.unanswered);
        self.longest_silence_ns = self.longest_silence_ns.max(more.longest_silence_ns);
    }
}

/// The operations of open loop that have not ended yet.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// How many there are.
    pub count: u64,
    /// The planned instant of the oldest one.
    pub oldest_ns: Option<u64>,
    /// How many of them wait for each node; only nodes for which any wait.
    pub nodes: Vec<(Arc<Address>, u64)>,
}

impl Waiting {
    /// Adds operations, with the planned instant of the oldest of them.
    pub(crate) fn add(&mut self, count: u64, oldest_ns: Option<u64>) {
        self.count += count;
        self.oldest_ns = self.oldest_ns.into_iter().chain(oldest_ns).min();
    }

    /// Adds the operations of another worker.
    pub(crate) fn add_all(&mut self, more: Self) {
        self.add(more.count, more.oldest_ns);
        for (node, count) in more.nodes {
            match self.nodes.iter_mut().find(|(known, _)| *known == node) {
                Some((_, sum)) => *sum += count,
                None => self.nodes.push((node, count)),
            }
        }
    }
}

/// What one worker saw in one interval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interval {
    /// The number of the interval; equal numbers of all workers belong together.
    pub number: u32,
    /// Its beginning, on the run's clock.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// The times of operations that ended in it.
    pub lanes: Vec<Lane>,
    /// The send lag of operations in open loop.
    #[serde(with = "packed::maybe")]
    pub send_lag: Option<Box<Times>>,
    /// The counts by node.
    pub nodes: Vec<(Arc<Address>, NodeCounts)>,
    /// Good replies to operations that were planned before the measured time; no histogram has them.
    pub late: u64,
    /// Errors by first word.
    pub codes: BTreeMap<String, u64>,
    /// The first text of each of these errors.
    pub error_texts: BTreeMap<String, String>,
    /// The operations that wait at its end, in open loop.
    pub waiting: Waiting,
    /// The seconds of which all planned operations have ended since the last interval, in open loop.
    pub seconds: Vec<PlannedSecond>,
    /// What happened to the shards, if the run looks for stalls.
    pub watched: Vec<WatchedSecond>,
}

/// The counts of one slot over the whole run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SlotCounts {
    /// Good replies.
    pub ok: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// All other errors.
    pub errors: u64,
}
