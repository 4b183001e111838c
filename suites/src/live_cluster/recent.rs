//! Snapshots that checks share: on many nodes, one for each check would cost more than the checks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::snapshot::Snapshot;

/// A snapshot serves for so many times as long as it took, so that snapshots take at most a twentieth of the time.
const AGE_PER_COST: u32 = 20;

/// The last snapshot.
#[derive(Default)]
pub(super) struct Recent {
    taken: RefCell<Option<Taken>>,
    /// Held by the one that takes a snapshot. Those that come meanwhile wait for it, instead of taking their own.
    turn: Mutex<()>,
}

struct Taken {
    snapshot: Rc<Snapshot>,
    began: Instant,
    took: Duration,
}

impl Recent {
    /// Waits for the one that takes a snapshot now, if anybody does.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Keeps a snapshot that was begun at `began` and is complete now.
    pub(super) fn keep(&self, snapshot: Rc<Snapshot>, began: Instant) {
        *self.taken.borrow_mut() = Some(Taken { snapshot, began, took: began.elapsed() });
    }

    /// The last snapshot, if it still serves.
    pub(super) fn get(&self) -> Option<Rc<Snapshot>> {
        let taken = self.taken.borrow();
        let fresh = taken.as_ref().filter(|taken| taken.began.elapsed() < taken.took * AGE_PER_COST);
        fresh.map(|taken| Rc::clone(&taken.snapshot))
    }
}
