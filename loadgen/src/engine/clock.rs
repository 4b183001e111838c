//! The clock of a run: nanoseconds since the clock was started.

use std::time::{Duration, Instant};

/// A clock that all threads of a run share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts a clock at zero.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub(crate) fn now_ns(self) -> u64 {
        // 64 bits hold 584 years.
        self.0.elapsed().as_nanos() as u64
    }

    /// An instant on this clock; zero if it was before the start.
    pub(crate) fn ns(self, at: Instant) -> u64 {
        at.saturating_duration_since(self.0).as_nanos() as u64
    }

    /// The same instant as an [`Instant`].
    pub(crate) fn instant(self, at_ns: u64) -> Instant {
        self.0 + Duration::from_nanos(at_ns)
    }
}
