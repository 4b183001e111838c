//! What drives a worker: sockets and timers. One engine on tokio, and one on `io_uring`, behind the same function.

mod clock;
mod conductor;
mod link;
mod opener;
mod sockets;
mod timer;
mod uring;

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

pub(crate) use clock::Clock;
pub(crate) use link::Link;
pub use link::StopSignal;
pub(crate) use opener::{OPEN_REQUESTS_MAX, OpenRequest, keep_opening};
use wire::Tls;

use crate::error::LoadError;
use crate::plan::{EngineChoice, LoadPlan};
use crate::recorder::SlotCounts;
use crate::worker::Worker;

/// The engine of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Tokio,
    Uring,
}

impl Engine {
    /// The engine for a plan, as far as the kernel allows it; containers often forbid `io_uring`.
    pub(crate) fn of(plan: &LoadPlan) -> Result<Self, LoadError> {
        let is_tls = plan.access.tls.is_some();
        let sockets = plan.clients.div_ceil(plan.threads.max(1));
        match plan.engine {
            EngineChoice::Tokio => Ok(Self::Tokio),
            EngineChoice::Auto if !is_tls && uring::is_available(sockets) => Ok(Self::Uring),
            EngineChoice::Auto => Ok(Self::Tokio),
            EngineChoice::Uring if is_tls => {
                Err(LoadError::Plan("speak TLS on io_uring: choose another engine".to_owned()))
            }
            EngineChoice::Uring if uring::is_available(sockets) => Ok(Self::Uring),
            EngineChoice::Uring => Err(LoadError::Plan(
                "use io_uring: this kernel is older than 6.1 or does not let us; choose another engine".to_owned(),
            )),
        }
    }

    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Uring => "io_uring",
        }
    }

    /// Drives a worker until it is done, and gives its counts by slot.
    pub(crate) fn run(
        self,
        worker: Worker,
        link: Link,
        requests: mpsc::Sender<OpenRequest>,
        tls: Option<Tls>,
        connect_timeout: Duration,
    ) -> io::Result<Vec<SlotCounts>> {
        match self {
            Self::Tokio => sockets::run(worker, link, tls, connect_timeout),
            Self::Uring => uring::run(worker, link, requests),
        }
    }
}
