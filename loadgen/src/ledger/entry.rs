//! What the ledger knows about one key, in 24 bytes.
//!
//! The writes of a key have counters 1, 2, 3, ... in the order in which rct sends them. A write is *open* until rct
//! knows how it ended. When a write is acknowledged, everything that had ended before it was sent is overwritten. What
//! was open then may take effect after it. So the acknowledged write raises the *floor* to the lowest counter that was
//! open when it was sent, or to its own counter. A value below the floor is out of date.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::yield_now;

/// The highest counter. rct does not judge a key that was written more often.
pub(crate) const COUNTER_MAX: u32 = (1 << 31) - 1;
/// How many of the last writes of a key may be open without a place outside of its entry.
pub(super) const WINDOW: u32 = u64::BITS;
/// How often a thread looks whether an entry is free before it lets others run.
const SPINS: u32 = 64;

const LOCKED: u32 = 1;
/// A removal may have taken effect, so that the key may be absent.
pub(super) const ABSENT: u32 = 1 << 1;
/// A removal in doubt may take effect at any time.
pub(super) const ABSENT_EVER: u32 = 1 << 2;
/// The key had more writes than counters, or there were too many writes in doubt.
pub(super) const UNJUDGED: u32 = 1 << 3;
/// More writes are open than the window has places; the others are in a list of their own.
pub(super) const CROWDED: u32 = 1 << 4;
/// Writes of the key are in doubt.
pub(super) const DOUBTED: u32 = 1 << 5;

/// The state of a key as all threads share it. The fields change only while the lock bit of `control` is set.
#[derive(Debug, Default)]
pub(super) struct Entry {
    control: AtomicU32,
    sent: AtomicU32,
    floor: AtomicU32,
    raised: AtomicU32,
    open: AtomicU64,
}

/// The state of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct State {
    pub(super) flags: u32,
    /// The counter of the last write that was sent; 0 if there was none.
    pub(super) sent: u32,
    /// The lowest counter that is up to date; 0 if no write was acknowledged.
    pub(super) floor: u32,
    /// When the floor was raised for the last time, in units of the ledger.
    pub(super) raised: u32,
    /// The open writes: bit `n` is the write with the counter `sent - n`.
    open: u64,
}

impl Entry {
    /// Changes the state while no other thread can.
    #[inline]
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut tries = 0;
        while self.control.fetch_or(LOCKED, Ordering::Acquire) & LOCKED != 0 {
            tries += 1;
            if tries % SPINS == 0 { yield_now() } else { spin_loop() }
        }
        let mut state = State { open: self.open.load(Ordering::Relaxed), ..self.state() };
        let result = change(&mut state);
        self.sent.store(state.sent, Ordering::Relaxed);
        self.floor.store(state.floor, Ordering::Relaxed);
        self.raised.store(state.raised, Ordering::Relaxed);
        self.open.store(state.open, Ordering::Relaxed);
        self.control.store(state.flags & !LOCKED, Ordering::Release);
        result
    }

    /// Reads the state, but not which writes are open, without waiting for other threads.
    ///
    /// Counters only grow, and a removal sets its flag before its counter is visible to a later look.
    #[inline]
    pub(super) fn state(&self) -> State {
        let sent = self.sent.load(Ordering::Acquire);
        State {
            flags: self.control.load(Ordering::Acquire) & !LOCKED,
            sent,
            floor: self.floor.load(Ordering::Relaxed),
            raised: self.raised.load(Ordering::Relaxed),
            open: 0,
        }
    }

    /// Whether a write of the key was ever sent.
    pub(super) fn is_written(&self) -> bool {
        self.sent.load(Ordering::Relaxed) > 0
    }
}

/// A write that has begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Begun {
    /// Its counter.
    pub(super) counter: u32,
    /// The lowest counter in the window that was open before, or its own.
    pub(super) lowest: u32,
    /// The open write that lost its place in the window.
    pub(super) displaced: Option<u32>,
}

impl State {
    /// Notes that a write is about to be sent for the first time. `removes` says that it removes the key.
    #[inline]
    pub(super) fn begin(&mut self, removes: bool) -> Begun {
        if removes {
            self.flags |= ABSENT;
        }
        if self.sent == COUNTER_MAX {
            self.flags |= UNJUDGED;
            return Begun { counter: COUNTER_MAX, lowest: COUNTER_MAX, displaced: None };
        }
        let counter = self.sent + 1;
        let lowest = match self.open {
            0 => counter,
            open => self.sent - (WINDOW - 1 - open.leading_zeros()),
        };
        let displaced = (self.open >> (WINDOW - 1) == 1).then(|| self.sent - (WINDOW - 1));
        self.sent = counter;
        self.open = self.open << 1 | 1;
        Begun { counter, lowest, displaced }
    }

    /// Notes that a write is not open any more. Returns false if it has no place in the window.
    #[inline]
    pub(super) fn settle(&mut self, counter: u32) -> bool {
        let back = self.sent.saturating_sub(counter);
        if back < WINDOW {
            self.open &= !(1 << back);
        }
        back < WINDOW
    }

    /// Notes that a write was acknowledged, at `now` in units of the ledger.
    #[inline]
    pub(super) fn acknowledge(&mut self, counter: u32, lowest: u32, removes: bool, now: u32) {
        if lowest > self.floor {
            self.floor = lowest;
            self.raised = now;
        }
        let is_alone = counter == self.sent && lowest == counter;
        if is_alone && !removes && self.flags & ABSENT_EVER == 0 {
            self.flags &= !ABSENT;
        }
    }

    /// Whether a flag is set.
    #[inline]
    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    /// Begins a write and returns its counter and the lowest open one.
    fn begin(state: &mut State) -> (u32, u32) {
        let begun = state.begin(false);
        (begun.counter, begun.lowest)
    }

    fn acknowledge(state: &mut State, (counter, lowest): (u32, u32)) {
        assert!(state.settle(counter));
        state.acknowledge(counter, lowest, false, 7);
    }

    #[test]
    fn writes_one_after_the_other_raise_the_floor_to_the_last_one() {
        let mut state = State::default();
        for counter in 1..=3 {
            let write = begin(&mut state);
            assert_eq!(write, (counter, counter));
            assert_eq!(state.floor, counter - 1, "a write in flight raises nothing");
            acknowledge(&mut state, write);
            assert_eq!((state.floor, state.raised), (counter, 7));
        }
    }

    #[test]
    fn of_writes_that_overlap_each_may_be_the_last() {
        let mut state = State::default();
        let (first, second) = (begin(&mut state), begin(&mut state));
        acknowledge(&mut state, second);
        assert_eq!(state.floor, 1, "the first one may take effect after the second");
        let third = begin(&mut state);
        acknowledge(&mut state, third);
        assert_eq!(state.floor, 1, "the first one is still open");
        acknowledge(&mut state, first);
        let fourth = begin(&mut state);
        acknowledge(&mut state, fourth);
        assert_eq!(state.floor, 4);
    }

    #[test]
    fn a_write_that_was_refused_holds_nothing_up() {
        let mut state = State::default();
        let (refused, _) = begin(&mut state);
        assert!(state.settle(refused));
        let write = begin(&mut state);
        acknowledge(&mut state, write);
        assert_eq!(state.floor, 2);
    }

    #[test]
    fn the_oldest_open_write_loses_its_place_after_64() {
        let mut state = State::default();
        let begun: Vec<Begun> = (0..66).map(|_| state.begin(false)).collect();
        assert!(begun[..64].iter().all(|begun| begun.displaced.is_none() && begun.lowest == 1));
        assert_eq!((begun[64].displaced, begun[65].displaced), (Some(1), Some(2)));
        assert!(!state.settle(1) && !state.settle(2) && state.settle(3));
        assert_eq!(state.begin(false).lowest, 4);
    }

    #[test]
    fn only_a_write_that_is_alone_after_a_removal_must_be_there() {
        let mut state = State::default();
        let removal = state.begin(true);
        let overlapping = begin(&mut state);
        state.settle(removal.counter);
        state.acknowledge(removal.counter, removal.lowest, true, 1);
        acknowledge(&mut state, overlapping);
        assert!(state.has(ABSENT), "the removal may have taken effect last");
        let alone = begin(&mut state);
        acknowledge(&mut state, alone);
        assert!(!state.has(ABSENT));
        state.flags |= ABSENT | ABSENT_EVER;
        let later = begin(&mut state);
        acknowledge(&mut state, later);
        assert!(state.has(ABSENT), "a removal in doubt may come at any time");
    }

    #[test]
    fn a_key_without_counters_left_is_not_judged() {
        let mut state = State { sent: COUNTER_MAX, ..State::default() };
        assert_eq!(begin(&mut state), (COUNTER_MAX, COUNTER_MAX));
        assert!(state.has(UNJUDGED));
    }

    #[test]
    fn threads_that_change_an_entry_do_not_disturb_each_other() {
        let entry = Entry::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let begun = entry.change(|state| state.begin(false));
                        entry.change(|state| {
                            state.settle(begun.counter);
                            state.acknowledge(begun.counter, begun.lowest, false, 0);
                        });
                    }
                });
            }
        });
        let last = entry.change(|state| state.begin(false));
        assert_eq!((last.counter, last.lowest), (40_001, 40_001), "nothing is open, and nothing was counted twice");
    }
}
