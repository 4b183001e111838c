//! What one writer of one key was told, and which values a reader may see because of it.

use std::collections::BTreeSet;

/// What may be missing after a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Every acknowledged write stays: there was no failure.
    NothingIsLost,
    /// Writes stay that the replica confirmed; later ones may be gone with the primary that acknowledged them
    /// (cluster specification, "Write safety").
    ConfirmedSurvives,
}

/// The writes to one key, numbered from 1, by its only writer.
#[derive(Debug)]
pub(super) struct Ledger {
    key: String,
    policy: Policy,
    sent: u64,
    acknowledged: u64,
    count: u64,
    unknown: u64,
    refused: BTreeSet<u64>,
    floor: u64,
}

impl Ledger {
    /// An empty ledger.
    pub(super) fn new(key: &str, policy: Policy) -> Self {
        Self {
            key: key.to_owned(),
            policy,
            sent: 0,
            acknowledged: 0,
            count: 0,
            unknown: 0,
            refused: BTreeSet::new(),
            floor: 0,
        }
    }

    /// Begins a write: its number and the value to send.
    pub(super) fn begin(&mut self) -> (u64, String) {
        self.sent += 1;
        (self.sent, self.value(self.sent))
    }

    /// The write was acknowledged.
    pub(super) fn acknowledge(&mut self, number: u64) {
        self.acknowledged = number;
        self.count += 1;
        if self.policy == Policy::NothingIsLost {
            self.floor = number;
        }
    }

    /// The write was answered with an error, so it must never be seen.
    pub(super) fn refuse(&mut self, number: u64) {
        self.refused.insert(number);
    }

    /// The write got no answer: it may be seen or not.
    pub(super) fn lose_sight(&mut self) {
        self.unknown += 1;
    }

    /// The number of the newest write that was acknowledged; 0 without one.
    pub(super) fn newest(&self) -> u64 {
        self.acknowledged
    }

    /// Every write up to this number that was acknowledged is on a replica as well.
    pub(super) fn confirm(&mut self, number: u64) {
        self.floor = self.floor.max(number);
    }

    /// How many writes were acknowledged, refused, and left without an answer.
    pub(super) fn counts(&self) -> (u64, usize, u64) {
        (self.count, self.refused.len(), self.unknown)
    }

    /// Whether a reader may see this value now; if not, what it may see.
    pub(super) fn judge(&self, seen: Option<&str>) -> Result<(), String> {
        let possible = match seen {
            None => self.floor == 0,
            Some(seen) => {
                let number = seen.strip_prefix(&self.key).and_then(|rest| rest.strip_prefix('#')?.parse::<u64>().ok());
                number.is_some_and(|number| {
                    (self.floor.max(1)..=self.sent).contains(&number) && !self.refused.contains(&number)
                })
            }
        };
        if possible {
            return Ok(());
        }
        let absent = if self.floor == 0 { "null or " } else { "" };
        Err(format!(
            "{absent}one of the values from {} to {} that no error answered",
            self.value(self.floor.max(1)),
            self.sent
        ))
    }

    fn value(&self, number: u64) -> String {
        format!("{}#{number}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three writes: acknowledged, refused, without an answer.
    fn ledger(policy: Policy) -> Ledger {
        let mut ledger = Ledger::new("k", policy);
        for _ in 0..3 {
            ledger.begin();
        }
        ledger.acknowledge(1);
        ledger.refuse(2);
        ledger.lose_sight();
        ledger
    }

    #[test]
    fn what_was_acknowledged_stays_where_nothing_may_be_lost() {
        let ledger = ledger(Policy::NothingIsLost);
        assert!(ledger.judge(Some("k#1")).is_ok());
        assert!(ledger.judge(Some("k#3")).is_ok(), "a write without an answer may have happened");
        assert!(ledger.judge(None).is_err());
    }

    #[test]
    fn what_was_not_confirmed_may_be_gone() {
        let mut ledger = ledger(Policy::ConfirmedSurvives);
        assert!(ledger.judge(None).is_ok());
        ledger.confirm(1);
        assert!(ledger.judge(None).is_err());
        assert!(ledger.judge(Some("k#1")).is_ok());
    }

    #[test]
    fn values_that_were_never_written_are_wrong() {
        for policy in [Policy::NothingIsLost, Policy::ConfirmedSurvives] {
            let ledger = ledger(policy);
            for wrong in ["k#2", "k#4", "k#0", "other#1", "", "k#", "k1"] {
                assert!(ledger.judge(Some(wrong)).is_err(), "{wrong}");
            }
        }
    }
}
