//! Histograms of times, in nanoseconds.

use hdrhistogram::{Counter, Histogram};

/// The shortest time that a histogram distinguishes from zero, in nanoseconds.
const SHORTEST_NS: u64 = 100;
/// The longest time that a histogram distinguishes from longer ones, in nanoseconds: ten minutes.
pub const LONGEST_NS: u64 = 600_000_000_000;
/// The significant decimal digits of every time.
pub const DIGITS: u8 = 3;
/// The significant decimal digits of the times of one node in one second: such a histogram takes 12 kB.
const DIGITS_OF_A_SECOND: u8 = 2;

/// The histogram of one second.
pub type Times = Histogram<u32>;
/// The histogram of a run.
pub type AllTimes = Histogram<u64>;

/// Makes an empty histogram of nanoseconds.
#[must_use]
pub fn times<C: Counter>() -> Histogram<C> {
    with_digits(DIGITS)
}

/// Makes an empty histogram that is small enough for each node and second; its error is at most 1 %.
pub(super) fn times_of_a_second() -> Times {
    with_digits(DIGITS_OF_A_SECOND)
}

fn with_digits<C: Counter>(digits: u8) -> Histogram<C> {
    Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, digits)
        .unwrap_or_else(|_| unreachable!("the crate accepts these constant bounds and digits"))
}

/// Adds the times of a histogram to another one.
pub(crate) fn add<C: Counter>(sum: &mut AllTimes, more: &Histogram<C>) {
    for step in more.iter_recorded() {
        sum.saturating_record_n(step.value_iterated_to(), step.count_at_value().as_u64());
    }
}

/// Converts nanoseconds to microseconds with one decimal.
pub(crate) fn microseconds(ns: u64) -> f64 {
    (ns as f64 / 100.0).round() / 10.0
}
