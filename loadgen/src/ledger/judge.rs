//! Judges what reads returned, by what the ledger knows about the writes of the key.

use super::entry::{ABSENT, DOUBTED, State, UNJUDGED};
use super::side::KeyId;
use super::verdict::{DoubtCounts, Found, Outdated, Verdict};
use super::{Ledger, of_ticket};

/// In the ticket of a read: the key might already be absent.
const ABSENT_BEFORE: u64 = 1 << 63;

impl Ledger {
    /// Looks at a key before a read is sent, and gives the ticket of the read.
    #[inline]
    pub(crate) fn look(&self, space: usize, key: u64) -> u64 {
        let Some(entry) = self.entry(space, key) else { return 0 };
        let state = entry.state();
        let absent = if state.has(ABSENT) { ABSENT_BEFORE } else { 0 };
        absent | u64::from(state.floor) << 32 | u64::from(state.sent)
    }

    /// Judges what a read found whose ticket is `ticket`.
    #[inline]
    pub(crate) fn judge(&self, space: usize, key: u64, ticket: u64, found: Found) -> Verdict {
        let Some(entry) = self.entry(space, key) else { return Verdict::Fine };
        let state = entry.state();
        let (floor, sent_before) = of_ticket(ticket & !ABSENT_BEFORE);
        let was_removed = ticket & ABSENT_BEFORE != 0 || (state.sent != sent_before && self.has_removals(space));
        self.verdict((space, key), state, floor, was_removed, found)
    }

    /// Judges what the last read of a key found, after all writes have ended.
    pub(crate) fn judge_last(&self, space: usize, key: u64, found: Found) -> Verdict {
        let Some(entry) = self.entry(space, key) else { return Verdict::Fine };
        let state = entry.state();
        self.verdict((space, key), state, state.floor, false, found)
    }

    #[inline]
    fn verdict(&self, key: KeyId, state: State, floor: u32, was_removed: bool, found: Found) -> Verdict {
        let outdated = |found| Verdict::Outdated(Outdated { found, expected: floor, acknowledged: state.raised });
        match found {
            _ if state.has(UNJUDGED) => Verdict::Fine,
            Found::Flawed(flaw) => Verdict::Flawed(flaw),
            Found::Write(counter) if counter == 0 || counter > state.sent => Verdict::NeverSent,
            Found::Write(counter) if counter >= floor || self.may_come_back(key, state, counter) => Verdict::Fine,
            Found::Write(counter) => outdated(Some(counter)),
            Found::Nothing if floor == 0 => Verdict::Fine,
            Found::Nothing if was_removed || state.has(ABSENT) || self.expires(key.0) => Verdict::Absent,
            Found::Nothing => outdated(None),
        }
    }

    /// Whether a write below the floor is, or was, in doubt or open for so long that it may have taken effect late.
    #[cold]
    fn may_come_back(&self, key: KeyId, state: State, counter: u32) -> bool {
        state.has(DOUBTED) && self.side().doubts(key).iter().any(|doubt| doubt.counter == counter)
    }

    /// What became of the writes in doubt of a key, in which the last read found `found`.
    pub(crate) fn doubts(&self, space: usize, key: u64, found: Found) -> DoubtCounts {
        let mut counts = DoubtCounts::default();
        if !self.entry(space, key).is_some_and(|entry| entry.state().has(DOUBTED)) {
            return counts;
        }
        let may_vanish = self.has_removals(space) || self.expires(space);
        for doubt in self.side().doubts((space, key)).iter().filter(|doubt| !doubt.is_acknowledged) {
            let place = match found {
                Found::Write(counter) if counter == doubt.counter => &mut counts.applied,
                Found::Nothing if doubt.removes => &mut counts.applied,
                Found::Write(counter) if counter < doubt.counter => &mut counts.not_applied,
                Found::Nothing if !may_vanish => &mut counts.not_applied,
                _ => &mut counts.unknown,
            };
            *place += 1;
        }
        counts
    }
}
