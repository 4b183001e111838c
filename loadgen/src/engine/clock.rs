//! The clock of a run: nanoseconds since it was made.

use std::time::{Duration, Instant};

/// A clock that all threads of a run share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the beginning.
    pub(crate) fn now_ns(self) -> u64 {
        // 64 bits hold 584 years.
        self.0.elapsed().as_nanos() as u64
    }

    /// The instant on the system's clock.
    pub(crate) fn instant(self, at_ns: u64) -> Instant {
        self.0 + Duration::from_nanos(at_ns)
    }
}
