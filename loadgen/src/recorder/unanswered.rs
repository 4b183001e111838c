//! Counts of operations without a good reply.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, Outcomes};

/// The operations without a good reply, by the last problem of each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Unanswered {
    /// Operations that rct never sent: no connection to their node became free in time.
    pub queued: u64,
    /// Operations that rct sent, by the last problem of each.
    pub sent: Outcomes,
}

impl Unanswered {
    /// Counts an operation by its last problem; `None` if it was never sent.
    pub(super) fn count(&mut self, problem: Option<Outcome>) {
        match problem {
            Some(outcome) => self.sent.count(outcome),
            None => self.queued += 1,
        }
    }

    /// Adds the counts of another.
    pub(crate) fn add(&mut self, other: &Self) {
        self.queued += other.queued;
        self.sent.add(&other.sent);
    }

    /// Counts all of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queued + Outcome::ALL.into_iter().map(|outcome| self.sent.of(outcome)).sum::<u64>()
    }

    /// Gives the counts that are not zero, by the names in `run.json`.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, u64> {
        let sent = Outcome::ALL.into_iter().map(|outcome| (outcome.name(), self.sent.of(outcome)));
        let all = sent.chain([("queued", self.queued)]);
        all.filter(|&(_, count)| count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
    }
}
