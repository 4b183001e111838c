//! Snapshots that checks share: on many nodes, one for each check would cost more than the checks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::LiveCluster;
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
    fn get(&self) -> Option<Rc<Snapshot>> {
        let taken = self.taken.borrow();
        let fresh = taken.as_ref().filter(|taken| taken.began.elapsed() < taken.took * AGE_PER_COST);
        fresh.map(|taken| Rc::clone(&taken.snapshot))
    }
}

impl LiveCluster {
    /// What every node that answers says of itself now.
    pub async fn snapshot(&self) -> Rc<Snapshot> {
        let began = Instant::now();
        let snapshot = Rc::new(Snapshot::of(self.own_lines().await));
        let taken = Taken { snapshot: Rc::clone(&snapshot), began, took: began.elapsed() };
        *self.recent.taken.borrow_mut() = Some(taken);
        snapshot
    }

    /// What every node that answers said of itself a moment ago, at the earliest after the last [`LiveCluster::snapshot`]
    /// began.
    pub async fn recent_snapshot(&self) -> Rc<Snapshot> {
        let _turn = self.recent.turn.lock().await;
        match self.recent.get() {
            Some(snapshot) => snapshot,
            None => self.snapshot().await,
        }
    }
}
