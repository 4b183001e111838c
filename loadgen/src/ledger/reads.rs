//! What workers count while they verify, by node.

use std::collections::BTreeMap;

use super::report::ReadReport;

/// The most bad reads that are kept as examples.
pub(crate) const EXAMPLES_MAX: usize = 10;

/// A bad read, as an example.
#[derive(Clone, Debug)]
pub(crate) struct BadReadNote {
    /// When the reply came, in units of the ledger.
    pub(crate) at: u32,
    pub(crate) key: String,
    pub(crate) node: String,
    /// What is wrong, as a word of the report.
    pub(crate) what: &'static str,
    /// The lowest counter that would be up to date, where that decides.
    pub(crate) expected: Option<u32>,
    /// The counter of the value, if it has one.
    pub(crate) found: Option<u32>,
}

/// The sums of workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// Writes and removals that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Reads of primaries, by address.
    pub(crate) primaries: BTreeMap<String, ReadReport>,
    /// Reads of replicas, by address.
    pub(crate) replicas: BTreeMap<String, ReadReport>,
    /// The first bad reads of primaries.
    pub(crate) examples: Vec<BadReadNote>,
}

impl Sums {
    /// Adds the sums of a worker.
    pub(crate) fn add(&mut self, more: Self) {
        self.acknowledged += more.acknowledged;
        for (own, more) in [(&mut self.primaries, more.primaries), (&mut self.replicas, more.replicas)] {
            for (node, reads) in more {
                own.entry(node).or_default().add(&reads);
            }
        }
        let room = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(more.examples.into_iter().take(room));
    }
}
