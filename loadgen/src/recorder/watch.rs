//! Good replies and the ends of operations by shard, class and millisecond, in which stalls show.
//!
//! Only a run that looks for stalls records this. [`crate::stalls`] finds the stalls.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Operation;
use crate::outcome::Outcome;
use crate::packed;
use crate::shards::Shards;

/// The milliseconds of a second.
pub(crate) const MILLISECONDS: usize = 1_000;
const MS_NS: u64 = 1_000_000;

/// The classes into which stalls divide operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Operations that only read.
    Reads,
    /// All others.
    Writes,
}

impl Class {
    /// Both classes, in the order of their rows.
    pub const ALL: [Self; 2] = [Self::Reads, Self::Writes];
}

/// How operations ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ends {
    /// They got a good reply.
    pub answered: u64,
    /// A server refused to execute them, such as with CLUSTERDOWN.
    pub refused: u64,
    /// No reply came in time, or no connection became free in time.
    pub timed_out: u64,
    /// The connection was lost, or the server answered another error.
    pub failed: u64,
}

impl Ends {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.answered + self.refused + self.timed_out + self.failed
    }
}

/// What happened to one class of operations of one shard in one millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// Good replies that came in it.
    pub(crate) good: u32,
    /// The ends of the operations that were planned in it.
    pub(crate) answered: u16,
    pub(crate) refused: u16,
    pub(crate) timed_out: u16,
    pub(crate) failed: u16,
}

impl Cell {
    /// Adds the counts of another worker.
    pub(crate) fn add(&mut self, more: &Self) {
        self.good = self.good.saturating_add(more.good);
        for (sum, more) in [
            (&mut self.answered, more.answered),
            (&mut self.refused, more.refused),
            (&mut self.timed_out, more.timed_out),
            (&mut self.failed, more.failed),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// The ends of the operations that were planned in it.
    pub(crate) fn ends(&self) -> Ends {
        let Self { answered, refused, timed_out, failed, .. } = *self;
        Ends { answered: answered.into(), refused: refused.into(), timed_out: timed_out.into(), failed: failed.into() }
    }
}

/// The cells of one second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WatchedSecond {
    /// The number of the second, from the start of the run.
    pub(crate) second: u32,
    /// For each shard its reads and its writes, for each of these the milliseconds.
    #[serde(with = "packed::sparse")]
    pub(crate) cells: Vec<Cell>,
}

/// Watches the shards.
pub(super) struct Watch {
    shards: Arc<Shards>,
    /// By template, whether it only reads.
    is_read: Vec<bool>,
    start_ns: Option<u64>,
    /// The seconds in which something happened since they were last taken.
    seconds: Vec<WatchedSecond>,
}

impl Watch {
    /// Watches nothing before [`Watch::start`].
    pub(super) fn new(shards: Arc<Shards>, is_read: Vec<bool>) -> Self {
        Self { shards, is_read, start_ns: None, seconds: Vec::new() }
    }

    /// Starts the run's time.
    pub(super) fn start(&mut self, start_ns: u64) {
        self.start_ns = Some(start_ns);
        self.seconds.clear();
    }

    /// Notes a good reply.
    pub(super) fn good(&mut self, operation: &Operation, now_ns: u64) {
        if let Some(cell) = self.cell(operation, now_ns) {
            cell.good += 1;
        }
        if let Some(cell) = self.cell(operation, operation.planned_ns) {
            cell.answered = cell.answered.saturating_add(1);
        }
    }

    /// Notes an operation that ended without a good reply.
    pub(super) fn ended(&mut self, operation: &Operation) {
        let Some(cell) = self.cell(operation, operation.planned_ns) else { return };
        let count = match operation.problem {
            None | Some(Outcome::Timeout) => &mut cell.timed_out,
            Some(Outcome::Moved | Outcome::Ask | Outcome::TryAgain | Outcome::ClusterDown | Outcome::Loading) => {
                &mut cell.refused
            }
            Some(_) => &mut cell.failed,
        };
        *count = count.saturating_add(1);
    }

    /// Takes what was noted since the last call.
    pub(super) fn take(&mut self) -> Vec<WatchedSecond> {
        std::mem::take(&mut self.seconds)
    }

    fn cell(&mut self, operation: &Operation, at_ns: u64) -> Option<&mut Cell> {
        let ms = at_ns.checked_sub(self.start_ns?)? / MS_NS;
        let shard = self.shards.of_slot(operation.slot)?;
        let is_write = !self.is_read.get(usize::from(operation.template)).copied().unwrap_or(false);
        let second = (ms / MILLISECONDS as u64) as u32;
        let known = self.seconds.iter().rposition(|known| known.second == second);
        let known = known.unwrap_or_else(|| {
            let cells = vec![Cell::default(); self.shards.count() * Class::ALL.len() * MILLISECONDS];
            self.seconds.push(WatchedSecond { second, cells });
            self.seconds.len() - 1
        });
        let row = shard * Class::ALL.len() + usize::from(is_write);
        self.seconds[known].cells.get_mut(row * MILLISECONDS + (ms % MILLISECONDS as u64) as usize)
    }
}
