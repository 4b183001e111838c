//! The lost keys by slot and time.

use std::collections::BTreeMap;

use super::bad_keys::BadKey;
use crate::ledger::LostAt;

/// The most pairs of a slot and a millisecond that are kept apart.
const PAIRS_MAX: usize = 1 << 20;

/// Counts lost keys.
#[derive(Default)]
pub(super) struct Losses(BTreeMap<(u16, i64), u64>);

impl Losses {
    /// Counts a bad key if it is lost. One too many is left out, so that its time counts as unknown.
    pub(super) fn note(&mut self, bad: &BadKey) {
        let Some(at) = bad.lost_ms().map(|ms| (bad.slot, ms)) else { return };
        if self.0.len() < PAIRS_MAX || self.0.contains_key(&at) {
            *self.0.entry(at).or_default() += 1;
        }
    }

    /// The counts.
    pub(super) fn list(self) -> Vec<LostAt> {
        self.0.into_iter().map(|((slot, acknowledged_ms), lost)| LostAt { slot, acknowledged_ms, lost }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lost_keys_count_each_in_its_millisecond() {
        let mut losses = Losses::default();
        let bad = |what, slot, acknowledged_s| BadKey {
            key: "key".to_owned(),
            slot,
            node: "a:1".to_owned(),
            what,
            expected: Some(2),
            found: Some(1),
            acknowledged_s: Some(acknowledged_s),
        };
        for (what, slot, at_s) in
            [("lost", 7, 1.001), ("lost", 7, 1.0019), ("stale", 7, 1.001), ("lost", 7, -0.0001), ("lost", 8, 1.002)]
        {
            losses.note(&bad(what, slot, at_s));
        }
        let list: Vec<_> = losses.list().iter().map(|at| (at.slot, at.acknowledged_ms, at.lost)).collect();
        assert_eq!(list, [(7, -1, 1), (7, 1_001, 2), (8, 1_002, 1)]);
    }
}
