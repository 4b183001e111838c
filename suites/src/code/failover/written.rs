//! The replies to the writes of one key, and the values that a reader may see because of them.
//!
//! `writer` sends the writes and reads.

use std::collections::BTreeSet;

/// Which writes may be lost in a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::code) enum Policy {
    /// No acknowledged write may be lost, because no node failed.
    NothingIsLost,
    /// No write that a replica confirmed may be lost. Later writes may be lost with the primary that acknowledged them
    /// (cluster specification, "Write safety").
    ConfirmedSurvives,
}

/// The writes to one key by its only writer, numbered from 1.
#[derive(Debug)]
pub(super) struct WrittenValues {
    key: String,
    policy: Policy,
    sent: u64,
    acknowledged: u64,
    count: u64,
    unknown: u64,
    refused: BTreeSet<u64>,
    floor: u64,
}

impl WrittenValues {
    /// No writes yet to this key.
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

    /// Starts a write, and returns its number and the value to send.
    pub(super) fn begin(&mut self) -> (u64, String) {
        self.sent += 1;
        (self.sent, self.value(self.sent))
    }

    /// Records that the write was acknowledged.
    pub(super) fn acknowledge(&mut self, number: u64) {
        self.acknowledged = number;
        self.count += 1;
        if self.policy == Policy::NothingIsLost {
            self.floor = number;
        }
    }

    /// Records that the write was refused with an error, so no reader may see it.
    pub(super) fn refuse(&mut self, number: u64) {
        self.refused.insert(number);
    }

    /// Records that a write got no reply, so a reader may see it or not.
    pub(super) fn lose_sight(&mut self) {
        self.unknown += 1;
    }

    /// The number of the newest acknowledged write; 0 if there is none.
    pub(super) fn newest(&self) -> u64 {
        self.acknowledged
    }

    /// Records that a replica has every acknowledged write up to this number.
    pub(super) fn confirm(&mut self, number: u64) {
        self.floor = self.floor.max(number);
    }

    /// The numbers of acknowledged writes, of refused writes, and of writes without a reply.
    pub(super) fn counts(&self) -> (u64, usize, u64) {
        (self.count, self.refused.len(), self.unknown)
    }

    /// Whether a reader may see this value now.
    ///
    /// # Errors
    /// The values that a reader may see.
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
            "{absent}one of the values from {} to {} whose write was not refused",
            self.value(self.floor.max(1)),
            self.value(self.sent)
        ))
    }

    fn value(&self, number: u64) -> String {
        format!("{}#{number}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three writes: one acknowledged, one refused, one without a reply.
    fn written_values(policy: Policy) -> WrittenValues {
        let mut written_values = WrittenValues::new("k", policy);
        for _ in 0..3 {
            written_values.begin();
        }
        written_values.acknowledge(1);
        written_values.refuse(2);
        written_values.lose_sight();
        written_values
    }

    #[test]
    fn what_was_acknowledged_stays_where_nothing_may_be_lost() {
        let written_values = written_values(Policy::NothingIsLost);
        assert!(written_values.judge(Some("k#1")).is_ok());
        assert!(written_values.judge(Some("k#3")).is_ok(), "a write without a reply may have happened");
        assert!(written_values.judge(None).is_err());
    }

    #[test]
    fn what_was_not_confirmed_may_be_gone() {
        let mut written_values = written_values(Policy::ConfirmedSurvives);
        assert!(written_values.judge(None).is_ok());
        written_values.confirm(1);
        assert!(written_values.judge(None).is_err());
        assert!(written_values.judge(Some("k#1")).is_ok());
    }

    #[test]
    fn values_that_were_never_written_are_wrong() {
        for policy in [Policy::NothingIsLost, Policy::ConfirmedSurvives] {
            let written_values = written_values(policy);
            for wrong in ["k#2", "k#4", "k#0", "other#1", "", "k#", "k1"] {
                assert!(written_values.judge(Some(wrong)).is_err(), "{wrong}");
            }
        }
    }
}
