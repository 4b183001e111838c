//! The ledger of `--verify`: which writes of each key were sent and acknowledged, and what its value may be.
//!
//! Every value begins with a stamp (`stamp`) that contains the counter of its write. `entry` explains how the ledger
//! follows overlapping writes. A worker asks the ledger before it sends, and tells it how each write ended. Then the
//! ledger judges what reads returned, during the run and when [`crate::read_back`] reads every key at the end.

mod combine;
mod entry;
mod judge;
mod reads;
mod report;
mod side;
pub(crate) mod stamp;
mod summary;
mod table;
mod verdict;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use self::entry::{ABSENT, ABSENT_EVER, CROWDED, DOUBTED, Entry, State, UNJUDGED};
use self::side::{KeyId, Side};
use self::table::Table;

pub(crate) use reads::{BadReadNote, EXAMPLES_MAX, Sums};
pub use report::{BadRead, LostAt, LostReport, ReadBackReport, ReadReport, ReplicaReport, ShardReport, VerifyReport};
pub(crate) use verdict::{Found, Verdict};

/// The unit of the ledger's times, in nanoseconds. 32 bits hold 119 hours.
const UNIT_NS: u64 = 100_000;

/// A key space of which the ledger keeps account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct VerifiedSpace {
    /// Its name.
    pub(crate) name: String,
    /// Whether the workload removes keys of it.
    pub(crate) has_removals: bool,
    /// Whether the workload sets times after which keys of it expire, so that no absence can be judged.
    pub(crate) expires: bool,
}

/// The ledger of a run, its preload included. All workers share it.
#[derive(Debug)]
pub struct Ledger {
    /// By the number of the key space in the workload.
    spaces: Vec<Option<(VerifiedSpace, Table)>>,
    /// Why the other key spaces are not verified, by name.
    unverified: BTreeMap<String, String>,
    side: Mutex<Side>,
    sums: Mutex<Sums>,
    began: Instant,
    /// How many nanoseconds after `began` the clock of the current run started.
    clock_zero_ns: AtomicU64,
    /// When the current run started, in units after `began`.
    run_start: AtomicU32,
}

impl Ledger {
    /// A ledger of the key spaces of a workload: those to verify, and the reasons against the others, by name.
    pub(crate) fn new(spaces: Vec<Option<VerifiedSpace>>, unverified: BTreeMap<String, String>) -> Self {
        Self {
            spaces: spaces.into_iter().map(|space| space.map(|space| (space, Table::new()))).collect(),
            unverified,
            side: Mutex::default(),
            sums: Mutex::default(),
            began: Instant::now(),
            clock_zero_ns: AtomicU64::new(0),
            run_start: AtomicU32::new(0),
        }
    }

    /// Why key spaces are not verified, by name.
    #[must_use]
    pub fn unverified(&self) -> &BTreeMap<String, String> {
        &self.unverified
    }

    /// The verified key spaces: the number and the name of each.
    pub(crate) fn verified(&self) -> impl Iterator<Item = (usize, &str)> {
        let verified = self.spaces.iter().enumerate();
        verified.filter_map(|(number, space)| space.as_ref().map(|(space, _)| (number, &*space.name)))
    }

    /// Says when the clock of a run started whose workers will use the ledger.
    pub(crate) fn set_clock(&self, zero: Instant) {
        let since = zero.saturating_duration_since(self.began);
        self.clock_zero_ns.store(since.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Says when the run started, on its clock.
    pub(crate) fn set_start(&self, start_ns: u64) {
        self.run_start.store(self.time(start_ns), Ordering::Relaxed);
    }

    /// An instant of the run's clock in units of the ledger.
    #[inline]
    pub(crate) fn time(&self, now_ns: u64) -> u32 {
        ((self.clock_zero_ns.load(Ordering::Relaxed) + now_ns) / UNIT_NS) as u32
    }

    /// A time of the ledger in seconds from the start of the run; below zero for the preload.
    pub(crate) fn at_s(&self, time: u32) -> f64 {
        let since = time.wrapping_sub(self.run_start.load(Ordering::Relaxed)) as i32;
        f64::from(since) * (UNIT_NS as f64 / 1e9)
    }

    /// Notes that a write is about to be sent for the first time, and gives its ticket, which contains its counter.
    #[inline]
    pub(crate) fn begin(&self, space: usize, key: u64, removes: bool) -> u64 {
        let Some(entry) = self.entry(space, key) else { return 0 };
        let (counter, lowest) = entry.change(|state| {
            let begun = state.begin(removes);
            let lowest = match begun.displaced.is_some() || state.has(CROWDED) {
                true => self.crowded((space, key), state, begun.lowest, begun.displaced),
                false => begun.lowest,
            };
            (begun.counter, lowest)
        });
        u64::from(counter) << 32 | u64::from(lowest)
    }

    /// The lowest open write of a key with more open writes than its entry has places for.
    #[cold]
    fn crowded(&self, key: KeyId, state: &mut State, lowest: u32, displaced: Option<u32>) -> u32 {
        let mut side = self.side();
        if let Some(displaced) = displaced {
            side.crowd(key, displaced);
            state.flags |= CROWDED;
        }
        side.lowest(key).map_or(lowest, |crowded| crowded.min(lowest))
    }

    /// Notes that a write was acknowledged. `again` says that rct had sent it more than once.
    #[inline]
    pub(crate) fn acknowledge(&self, space: usize, key: u64, ticket: u64, removes: bool, again: bool, now_ns: u64) {
        let Some(entry) = self.entry(space, key).filter(|_| ticket != 0) else { return };
        let (counter, lowest) = of_ticket(ticket);
        let now = self.time(now_ns);
        entry.change(|state| {
            self.settle((space, key), state, counter);
            state.acknowledge(counter, lowest, removes, now);
        });
        if again {
            self.side().acknowledge((space, key), counter);
        }
    }

    /// Notes that a write ended without effect.
    pub(crate) fn refuse(&self, space: usize, key: u64, ticket: u64) {
        let Some(entry) = self.entry(space, key).filter(|_| ticket != 0) else { return };
        entry.change(|state| self.settle((space, key), state, of_ticket(ticket).0));
    }

    /// Notes that nobody knows whether a write has taken effect, or still will.
    pub(crate) fn doubt(&self, space: usize, key: u64, ticket: u64, removes: bool) {
        let Some(entry) = self.entry(space, key).filter(|_| ticket != 0) else { return };
        let (counter, _) = of_ticket(ticket);
        entry.change(|state| {
            // First, so that the write is in one of the lists at every instant.
            let is_noted = self.side().doubt((space, key), counter, removes);
            state.flags |= if is_noted { DOUBTED } else { UNJUDGED };
            if removes {
                state.flags |= ABSENT | ABSENT_EVER;
            }
            self.settle((space, key), state, counter);
        });
    }

    #[inline]
    fn settle(&self, key: KeyId, state: &mut State, counter: u32) {
        let was_in_window = state.settle(counter);
        if !was_in_window && state.has(CROWDED) && self.side().leave(key, counter) {
            state.flags &= !CROWDED;
        }
    }

    /// The first key of a space from `from` on that was written.
    pub(crate) fn written_from(&self, space: usize, from: u64) -> Option<u64> {
        self.spaces.get(space)?.as_ref()?.1.written_from(from)
    }

    /// Adds what a worker counted.
    pub(crate) fn add(&self, sums: Sums) {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).add(sums);
    }

    /// The report of what was verified so far; the last read of all keys is not part of it yet.
    pub(crate) fn report(&self) -> VerifyReport {
        let in_doubt = self.side().in_doubt();
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let spaces = self.verified().map(|(_, name)| name.to_owned()).collect();
        summary::report(spaces, self.unverified.clone(), in_doubt, &sums, |time| self.at_s(time))
    }

    #[inline]
    fn entry(&self, space: usize, key: u64) -> Option<&Entry> {
        self.spaces.get(space)?.as_ref()?.1.entry(key)
    }

    fn has_removals(&self, space: usize) -> bool {
        self.spaces.get(space).and_then(Option::as_ref).is_some_and(|(space, _)| space.has_removals)
    }

    fn expires(&self, space: usize) -> bool {
        self.spaces.get(space).and_then(Option::as_ref).is_some_and(|(space, _)| space.expires)
    }

    fn side(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time between two times of the ledger, in nanoseconds.
pub(crate) fn elapsed_ns(from: u32, to: u32) -> u64 {
    let units = to.wrapping_sub(from) as i32;
    u64::from(units.max(0) as u32) * UNIT_NS
}

/// The two numbers of a ticket.
#[inline]
fn of_ticket(ticket: u64) -> (u32, u32) {
    ((ticket >> 32) as u32, ticket as u32)
}

#[cfg(test)]
mod tests {
    use super::stamp::Flaw;
    use super::verdict::Outdated;
    use super::*;

    fn ledger(has_removals: bool, expires: bool) -> Ledger {
        let space = VerifiedSpace { name: "key".to_owned(), has_removals, expires };
        Ledger::new(vec![None, Some(space)], BTreeMap::new())
    }

    /// Writes a key and has the write acknowledged.
    fn write(ledger: &Ledger, key: u64) -> u32 {
        let ticket = ledger.begin(1, key, false);
        ledger.acknowledge(1, key, ticket, false, false, 0);
        of_ticket(ticket).0
    }

    fn outdated(found: Option<u32>, expected: u32) -> Verdict {
        Verdict::Outdated(Outdated { found, expected, acknowledged: 0 })
    }

    #[test]
    fn a_read_may_return_what_was_acknowledged_before_or_anything_later() {
        let ledger = ledger(false, false);
        assert_eq!(ledger.judge(1, 7, ledger.look(1, 7), Found::Nothing), Verdict::Fine);
        write(&ledger, 7);
        let before = ledger.look(1, 7);
        write(&ledger, 7);
        assert_eq!(ledger.judge(1, 7, before, Found::Write(1)), Verdict::Fine, "the read was under way");
        assert_eq!(ledger.judge(1, 7, before, Found::Write(2)), Verdict::Fine);
        assert_eq!(ledger.judge(1, 7, before, Found::Nothing), outdated(None, 1));
        assert_eq!(ledger.judge(1, 7, before, Found::Write(3)), Verdict::NeverSent);
        assert_eq!(ledger.judge(1, 7, before, Found::Write(0)), Verdict::NeverSent);
        assert_eq!(ledger.judge(1, 7, ledger.look(1, 7), Found::Write(1)), outdated(Some(1), 2));
        let flawed = Found::Flawed(Flaw::WrongKey);
        assert_eq!(ledger.judge(1, 7, before, flawed), Verdict::Flawed(Flaw::WrongKey));
    }

    #[test]
    fn a_write_in_doubt_may_be_there_or_not() {
        let ledger = ledger(false, false);
        write(&ledger, 7);
        let doubted = ledger.begin(1, 7, false);
        ledger.doubt(1, 7, doubted, false);
        for found in [Found::Write(1), Found::Write(2)] {
            assert_eq!(ledger.judge_last(1, 7, found), Verdict::Fine);
        }
        let counts = |found| {
            let counts = ledger.doubts(1, 7, found);
            (counts.applied, counts.not_applied, counts.unknown)
        };
        assert_eq!((counts(Found::Write(1)), counts(Found::Write(2))), ((0, 1, 0), (1, 0, 0)));
        assert_eq!(write(&ledger, 7), 3);
        assert_eq!(ledger.judge_last(1, 7, Found::Write(1)), outdated(Some(1), 3));
        assert_eq!(ledger.judge_last(1, 7, Found::Write(2)), Verdict::Fine, "it may take effect after the third");
        assert_eq!(counts(Found::Write(3)), (0, 0, 1));
        ledger.acknowledge(1, 7, doubted, false, true, 0);
        assert_eq!((counts(Found::Write(2)), ledger.report().in_doubt), ((0, 0, 0), 0));
    }

    #[test]
    fn a_refused_write_is_no_reason_for_anything() {
        let ledger = ledger(false, false);
        write(&ledger, 7);
        ledger.refuse(1, 7, ledger.begin(1, 7, false));
        assert_eq!(ledger.judge_last(1, 7, Found::Write(1)), Verdict::Fine);
        assert_eq!(write(&ledger, 7), 3);
        assert_eq!(ledger.judge_last(1, 7, Found::Write(1)), outdated(Some(1), 3));
    }

    #[test]
    fn hundreds_of_writes_in_flight_may_end_in_any_order() {
        let ledger = ledger(false, false);
        let tickets: Vec<u64> = (0..500).map(|_| ledger.begin(1, 7, false)).collect();
        for ticket in tickets[1..].iter().rev() {
            ledger.acknowledge(1, 7, *ticket, false, false, 0);
        }
        for counter in [1, 250, 500] {
            assert_eq!(ledger.judge_last(1, 7, Found::Write(counter)), Verdict::Fine, "{counter}");
        }
        assert_eq!(write(&ledger, 7), 501);
        assert_eq!(ledger.judge_last(1, 7, Found::Write(1)), Verdict::Fine, "the first one is still open");
        ledger.acknowledge(1, 7, tickets[0], false, false, 0);
        assert_eq!(write(&ledger, 7), 502);
        assert_eq!(ledger.judge_last(1, 7, Found::Write(1)), outdated(Some(1), 502));
        assert!(!ledger.entry(1, 7).unwrap().state().has(CROWDED));
    }

    #[test]
    fn an_absent_key_is_judged_only_if_nothing_may_have_removed_it() {
        let removing = ledger(true, false);
        write(&removing, 7);
        assert_eq!(removing.judge_last(1, 7, Found::Nothing), outdated(None, 1));
        let before = removing.look(1, 7);
        let removal = removing.begin(1, 7, true);
        assert_eq!(removing.judge_last(1, 7, Found::Nothing), Verdict::Absent);
        removing.acknowledge(1, 7, removal, true, false, 0);
        assert_eq!(removing.judge_last(1, 7, Found::Write(1)), outdated(Some(1), 2), "the value came back");
        let between = removing.look(1, 7);
        write(&removing, 7);
        for ticket in [before, between] {
            assert_eq!(removing.judge(1, 7, ticket, Found::Nothing), Verdict::Absent);
        }
        assert_eq!(removing.judge(1, 7, removing.look(1, 7), Found::Nothing), outdated(None, 3));
        let expiring = ledger(false, true);
        write(&expiring, 7);
        assert_eq!(expiring.judge_last(1, 7, Found::Nothing), Verdict::Absent);
    }

    #[test]
    fn a_key_space_that_is_not_verified_is_never_judged() {
        let ledger = ledger(false, false);
        assert_eq!(ledger.begin(0, 7, false), 0);
        assert_eq!(ledger.judge(0, 7, 0, Found::Write(9)), Verdict::Fine);
        assert_eq!(ledger.verified().collect::<Vec<_>>(), [(1, "key")]);
    }
}
