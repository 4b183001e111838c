//! The channels between the worker threads and the conducting thread. No single operation uses them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc, watch};

use super::clock::Clock;
use crate::layout::Layout;
use crate::recorder::Interval;

/// The end of one worker thread.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) clock: Clock,
    /// The latest layout of the cluster.
    pub(crate) layouts: watch::Receiver<Arc<Layout>>,
    /// When the run starts, once that is known.
    pub(crate) start: watch::Receiver<Option<u64>>,
    /// What the worker measured in each interval.
    pub(crate) intervals: mpsc::Sender<Interval>,
    /// Requests a new layout.
    pub(crate) refresh: Arc<Notify>,
    /// Says that the run must end.
    pub(crate) stop: StopSignal,
    /// How many sockets of all threads are ready to send.
    pub(crate) ready: Arc<AtomicUsize>,
    /// Why the first socket that could not connect could not.
    pub(crate) trouble: Arc<OnceLock<String>>,
}

/// A signal that ends a run early. Clones share it.
#[derive(Clone, Default, Debug)]
pub struct StopSignal {
    raised: Arc<AtomicBool>,
    /// The signal of the caller, which also ends the run.
    outer: Option<Arc<AtomicBool>>,
}

impl StopSignal {
    /// A signal of its own that is also raised when this one is.
    pub(crate) fn nested(&self) -> Self {
        Self { raised: Arc::default(), outer: Some(Arc::clone(&self.raised)) }
    }

    /// Asks the run to end. The run still waits a short time for the replies in flight.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked the run to end.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        let is_raised = |signal: &AtomicBool| signal.load(Ordering::Relaxed);
        is_raised(&self.raised) || self.outer.as_deref().is_some_and(is_raised)
    }
}
