//! Finds the stalls of shards: the times in which operations waited and no good reply came.
//!
//! A stall ends with a good reply. In open loop it begins at the planned instant of the first operation that waited.
//! Closed loop always has operations that wait, so there it begins at the last good reply.

use std::collections::BTreeMap;

use crate::outline::Outline;
use crate::recorder::{Cell, Class, Ends, MILLISECONDS, WatchedSecond};

/// The shortest stall that counts, in milliseconds: twice what the clock of the finder tells apart.
pub const STALL_MS_LEAST: u64 = 2;
/// How many seconds wait at most for the ends of their operations.
const WAITING_MAX: u64 = 128;

/// A time in which operations of a shard waited and none got a good reply. Instants are milliseconds of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stall {
    /// The shard's number, from 0.
    pub shard: usize,
    /// Which of its operations waited.
    pub class: Class,
    /// The last good reply before; `None` if there was none.
    pub last_good_ms: Option<u64>,
    /// When operations began to wait.
    pub from_ms: u64,
    /// The first good reply after; `None` if none came.
    pub first_good_ms: Option<u64>,
    /// The first good reply, or the end of the run.
    pub to_ms: u64,
    /// How the operations ended that were planned in this time.
    pub ends: Ends,
}

impl Stall {
    /// How long it lasted.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// Finds stalls in what the workers watched, second by second.
///
/// Of the stalls of a class that end in the same second it keeps the longest one, so that long runs stay small.
pub(crate) struct StallFinder {
    is_open_loop: bool,
    /// How many seconds an operation of a second may still run.
    lag_s: u64,
    /// The seconds whose operations may not all have ended.
    waiting: BTreeMap<u32, Vec<Cell>>,
    /// The next second to look at.
    next: u32,
    rows: Vec<Row>,
    stalls: Vec<Stall>,
}

/// The state of one class of one shard.
#[derive(Clone, Copy, Default)]
struct Row {
    last_good_ms: Option<u64>,
    waiting_from_ms: Option<u64>,
    ends: Ends,
    longest: Option<Stall>,
}

impl StallFinder {
    /// Finds the stalls of the shards of a run.
    pub(crate) fn new(outline: &Outline) -> Self {
        let timeout_s = outline.timeout_ns().div_ceil(1_000_000_000);
        Self {
            is_open_loop: outline.is_open_loop(),
            // In flight for as long again after it has waited for its whole time, and some to spare.
            lag_s: (2 * timeout_s + 2).min(WAITING_MAX),
            waiting: BTreeMap::new(),
            next: 0,
            rows: vec![Row::default(); outline.shards.len() * Class::ALL.len()],
            stalls: Vec::new(),
        }
    }

    /// Adds what one worker watched until `now_ms`, and looks at the seconds that are complete.
    pub(crate) fn add(&mut self, seconds: Vec<WatchedSecond>, now_ms: u64) {
        for WatchedSecond { second, cells } in seconds {
            // What ends later than the lag counts in the oldest second that is left.
            let second = second.max(self.next);
            match self.waiting.entry(second) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(cells);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    entry.get_mut().iter_mut().zip(&cells).for_each(|(sum, more)| sum.add(more));
                }
            }
        }
        let complete = (now_ms / MILLISECONDS as u64).saturating_sub(self.lag_s);
        while u64::from(self.next) < complete {
            self.look_at_next();
        }
    }

    /// Looks at the rest, and returns all stalls; the load ended at `end_ms`.
    pub(crate) fn finish(mut self, end_ms: u64) -> Vec<Stall> {
        while self.waiting.keys().next_back().is_some_and(|&last| last >= self.next) {
            self.look_at_next();
        }
        for (number, row) in self.rows.iter().enumerate() {
            let from_ms = if self.is_open_loop { row.waiting_from_ms } else { row.last_good_ms };
            let Some(from_ms) = from_ms.filter(|&from_ms| from_ms + STALL_MS_LEAST <= end_ms) else { continue };
            self.stalls.push(row.stall(number, from_ms, None, end_ms));
        }
        self.stalls
    }

    fn look_at_next(&mut self) {
        let second = self.next;
        self.next += 1;
        let Some(cells) = self.waiting.remove(&second) else { return };
        let first_ms = u64::from(second) * MILLISECONDS as u64;
        for (number, (row, cells)) in self.rows.iter_mut().zip(cells.chunks(MILLISECONDS)).enumerate() {
            for (ms, cell) in (first_ms..).zip(cells) {
                row.look(number, ms, cell, self.is_open_loop);
            }
            self.stalls.extend(row.longest.take());
        }
    }
}

impl Row {
    /// Looks at one millisecond.
    fn look(&mut self, number: usize, ms: u64, cell: &Cell, is_open_loop: bool) {
        let ends = cell.ends();
        if ends.total() > 0 {
            self.waiting_from_ms.get_or_insert(ms);
            self.ends.answered += ends.answered;
            self.ends.refused += ends.refused;
            self.ends.timed_out += ends.timed_out;
            self.ends.failed += ends.failed;
        }
        if cell.good == 0 {
            return;
        }
        let from_ms = if is_open_loop { self.waiting_from_ms } else { self.last_good_ms };
        if let Some(from_ms) = from_ms.filter(|from_ms| from_ms + STALL_MS_LEAST <= ms) {
            let stall = self.stall(number, from_ms, Some(ms), ms);
            if self.longest.is_none_or(|longest| longest.length_ms() < stall.length_ms()) {
                self.longest = Some(stall);
            }
        }
        *self = Self { last_good_ms: Some(ms), longest: self.longest, ..Self::default() };
    }

    fn stall(&self, number: usize, from_ms: u64, first_good_ms: Option<u64>, to_ms: u64) -> Stall {
        let classes = Class::ALL.len();
        Stall {
            shard: number / classes,
            class: Class::ALL[number % classes],
            last_good_ms: self.last_good_ms,
            from_ms,
            first_good_ms,
            to_ms,
            ends: self.ends,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder(is_open_loop: bool) -> StallFinder {
        StallFinder {
            is_open_loop,
            lag_s: 2,
            waiting: BTreeMap::new(),
            next: 0,
            rows: vec![Row::default(); 2],
            stalls: Vec::new(),
        }
    }

    /// A second of the reads of one shard: good replies, and operations by their planned instant.
    fn second(number: u32, good: &[usize], answered: &[usize], timed_out: &[usize]) -> WatchedSecond {
        let mut cells = vec![Cell::default(); 2 * MILLISECONDS];
        good.iter().for_each(|&ms| cells[ms].good += 1);
        answered.iter().for_each(|&ms| cells[ms].answered += 1);
        timed_out.iter().for_each(|&ms| cells[ms].timed_out += 1);
        WatchedSecond { second: number, cells }
    }

    #[test]
    fn a_stall_reaches_from_the_first_operation_that_waited_to_the_next_good_reply() {
        let mut finder = finder(true);
        finder.add(vec![second(0, &[0, 100, 990], &[0, 100, 200, 300], &[400])], 1_000);
        finder.add(vec![second(1, &[500], &[499], &[])], 2_000);
        let stalls = finder.finish(2_000);
        let [stall] = stalls[..] else { panic!("{stalls:?}") };
        assert_eq!((stall.shard, stall.class, stall.last_good_ms), (0, Class::Reads, Some(100)));
        assert_eq!((stall.from_ms, stall.first_good_ms, stall.length_ms()), (200, Some(990), 790));
        assert_eq!(stall.ends, Ends { answered: 2, timed_out: 1, ..Ends::default() });
    }

    #[test]
    fn a_stall_may_span_seconds_and_workers_and_the_end() {
        let mut finder = finder(true);
        finder.add(vec![second(0, &[900], &[900, 950], &[])], 1_000);
        // Another worker gave its part of the second later.
        finder.add(vec![second(0, &[940], &[940], &[]), second(1, &[], &[10], &[])], 1_000);
        finder.add(vec![second(5, &[50], &[50], &[990])], 6_000);
        let stalls = finder.finish(7_000);
        let lengths: Vec<_> = stalls.iter().map(|stall| (stall.from_ms, stall.first_good_ms, stall.to_ms)).collect();
        assert_eq!(lengths, [(950, Some(5_050), 5_050), (5_990, None, 7_000)]);
    }

    #[test]
    fn closed_loop_counts_from_the_last_good_reply() {
        let mut finder = finder(false);
        finder.add(vec![second(0, &[100, 101, 700], &[100, 101, 699], &[])], 1_000);
        let stalls = finder.finish(800);
        let lengths: Vec<_> = stalls.iter().map(|stall| (stall.from_ms, stall.to_ms)).collect();
        assert_eq!(lengths, [(101, 700), (700, 800)]);
    }
}
