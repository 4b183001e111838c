//! The times of a run, as one worker follows them: its start, its end, and the ends of intervals between.

use crate::plan::Parts;

/// The longest interval.
const SECOND_NS: u64 = 1_000_000_000;

/// When the parts and intervals of the run begin and end. Instants are nanoseconds of the run's clock.
///
/// An interval ends at every whole second of the run, and where the measured time or a step of the rate begins.
pub(super) struct Turns {
    parts: Parts,
    start_ns: Option<u64>,
    measured_from_ns: u64,
    end_ns: u64,
    next_ns: u64,
}

impl Turns {
    /// The times of a run that has not started.
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, start_ns: None, measured_from_ns: u64::MAX, end_ns: u64::MAX, next_ns: u64::MAX }
    }

    /// Starts the run's time.
    pub(super) fn start(&mut self, start_ns: u64) {
        self.start_ns = Some(start_ns);
        self.measured_from_ns = start_ns + self.parts.measured_from_ns;
        self.end_ns = start_ns.saturating_add(self.parts.end_ns());
        self.next_ns = self.after(start_ns);
    }

    /// Ends the run's time now, if it has not ended yet.
    pub(super) fn stop(&mut self, now_ns: u64) {
        self.end_ns = self.end_ns.min(now_ns);
    }

    /// When the run's time starts, once that is known.
    #[inline]
    pub(super) fn start_ns(&self) -> Option<u64> {
        self.start_ns
    }

    /// From when on no operation is planned any more; `u64::MAX` where their number ends the run.
    #[inline]
    pub(super) fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// Whether the run's time has started.
    #[inline]
    pub(super) fn has_started(&self, now_ns: u64) -> bool {
        self.start_ns.is_some_and(|start_ns| now_ns >= start_ns)
    }

    /// Whether an instant is of the measured time, or after it.
    #[inline]
    pub(super) fn is_measured(&self, at_ns: u64) -> bool {
        at_ns >= self.measured_from_ns
    }

    /// Whether the measured time starts at an instant.
    pub(super) fn is_start_of_measuring(&self, at_ns: u64) -> bool {
        at_ns == self.measured_from_ns
    }

    /// The end of the current interval, if it has come; then the next interval begins.
    #[inline]
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.next_ns {
            return None;
        }
        let at_ns = self.next_ns;
        self.next_ns = self.after(at_ns);
        Some(at_ns)
    }

    /// The first end of an interval after an instant.
    fn after(&self, at_ns: u64) -> u64 {
        let start_ns = self.start_ns.unwrap_or(0);
        let second_ns = start_ns + ((at_ns - start_ns) / SECOND_NS + 1) * SECOND_NS;
        let step_end_ns = match at_ns.checked_sub(self.measured_from_ns) {
            None => self.measured_from_ns,
            Some(measured_ns) => {
                let step_ns = self.parts.step_ns.max(1);
                self.measured_from_ns.saturating_add((measured_ns / step_ns + 1).saturating_mul(step_ns))
            }
        };
        second_ns.min(step_end_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn ends(parts: Parts, start_ns: u64, until_ns: u64) -> Vec<u64> {
        let mut turns = Turns::new(parts);
        assert_eq!(turns.take_due(u64::MAX - 1), None, "no interval ends before the start");
        turns.start(start_ns);
        std::iter::from_fn(|| turns.take_due(until_ns)).map(|end_ns| (end_ns - start_ns) / MS).collect()
    }

    #[test]
    fn intervals_end_at_seconds_and_where_parts_begin() {
        let parts = Parts { ramp_ns: 0, measured_from_ns: 300 * MS, step_ns: 900 * MS, steps: 2 };
        assert_eq!(ends(parts, 7, 7 + 2_500 * MS), [300, 1_000, 1_200, 2_000, 2_100]);
        let parts = Parts { ramp_ns: 0, measured_from_ns: 0, step_ns: u64::MAX, steps: 1 };
        assert_eq!(ends(parts, 0, 3_000 * MS), [1_000, 2_000, 3_000]);
    }

    #[test]
    fn a_stop_ends_the_time_once() {
        let mut turns = Turns::new(Parts { ramp_ns: 0, measured_from_ns: 0, step_ns: 900, steps: 2 });
        turns.start(100);
        assert_eq!(turns.end_ns(), 1_900);
        turns.stop(500);
        turns.stop(600);
        assert_eq!(turns.end_ns(), 500);
    }
}
