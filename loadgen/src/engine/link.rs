//! What ties the threads of a run to the one that conducts it. Nothing of it is touched for a single operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc, watch};

use super::clock::Clock;
use crate::layout::Layout;
use crate::recorder::Interval;

/// One thread's end.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) clock: Clock,
    /// The cluster as it was last seen.
    pub(crate) layouts: watch::Receiver<Arc<Layout>>,
    /// When the run's time begins, once that is known.
    pub(crate) start: watch::Receiver<Option<u64>>,
    /// What was seen in each interval.
    pub(crate) intervals: mpsc::Sender<Interval>,
    /// The wish for a new layout.
    pub(crate) refresh: Arc<Notify>,
    /// The wish to stop.
    pub(crate) stop: StopSignal,
    /// How many sockets of all threads can send.
    pub(crate) ready: Arc<AtomicUsize>,
}

/// The wish to end a run before its time; clones share it.
#[derive(Clone, Default, Debug)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Asks the run to end: what is in flight is still awaited, for a short while.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
