//! How many replicas confirmed each write, as the servers answered WAIT.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answers to WAIT of a run. All workers share them.
#[derive(Debug)]
pub struct Waits {
    /// How many replicas each write waits for.
    pub(crate) replicas: u32,
    answers: Mutex<BTreeMap<u64, u64>>,
}

impl Waits {
    /// No answers yet.
    pub(crate) fn new(replicas: u32) -> Self {
        Self { replicas, answers: Mutex::default() }
    }

    /// Adds what a worker counted: by number of replicas, how many writes had that many.
    pub(crate) fn add(&self, counts: &BTreeMap<u64, u64>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for (&replicas, &count) in counts {
            *answers.entry(replicas).or_default() += count;
        }
    }

    /// The report of the answers so far.
    pub(crate) fn report(&self) -> WaitReport {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sum = |is_enough: bool| {
            let counted = answers.iter().filter(|(replicas, _)| (**replicas >= u64::from(self.replicas)) == is_enough);
            counted.map(|(_, count)| count).sum()
        };
        WaitReport { replicas: self.replicas, confirmed: sum(true), unconfirmed: sum(false), by_replicas: answers }
    }
}

/// How many replicas confirmed the writes. Fields are a contract with scripts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaitReport {
    /// How many replicas each write waited for.
    pub replicas: u32,
    /// Writes that so many replicas confirmed in time, or more.
    pub confirmed: u64,
    /// Writes that fewer replicas confirmed.
    pub unconfirmed: u64,
    /// How many writes had each number of replicas.
    pub by_replicas: BTreeMap<u64, u64>,
}

impl WaitReport {
    /// Adds the answers to the writes of another generator.
    pub(crate) fn add(&mut self, more: &Self) {
        self.confirmed += more.confirmed;
        self.unconfirmed += more.unconfirmed;
        for (&replicas, &count) in &more.by_replicas {
            *self.by_replicas.entry(replicas).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_confirmed_by_enough_replicas() {
        let waits = Waits::new(2);
        waits.add(&BTreeMap::from([(0, 1), (2, 5)]));
        waits.add(&BTreeMap::from([(1, 3), (2, 5), (3, 1)]));
        let report = waits.report();
        assert_eq!((report.confirmed, report.unconfirmed), (11, 4));
        assert_eq!(report.by_replicas, BTreeMap::from([(0, 1), (1, 3), (2, 10), (3, 1)]));
    }
}
