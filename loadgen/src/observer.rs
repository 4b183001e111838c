//! What a caller sees of a run while it goes on.

use std::time::{Duration, Instant};

use crate::outline::Outline;
use crate::recorder::{Interval, Lane};
use crate::timeline::Progress;

/// Observes a run while it goes on.
pub trait Observer {
    /// The clients are connected, and the run starts.
    fn connected(&mut self, ready: usize, took: Duration);
    /// The run's time begins at an instant, a few milliseconds from now.
    fn starts(&mut self, _at: Instant) {}
    /// The intervals that follow belong to a run that starts at this instant of their clock.
    fn begins(&mut self, _start_ns: u64, _outline: &Outline) {}
    /// A worker has handed over what it saw in a second.
    fn handed_over(&mut self, _interval: &Interval) {}
    /// A second of the run is over, or less where a part of the run ends.
    fn second(&mut self, progress: &Progress, lanes: &[Lane]);
}
