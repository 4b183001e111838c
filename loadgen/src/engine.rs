//! The engines, which drive a worker with sockets and timers: one on tokio, and one on `io_uring`.

mod clock;
mod link;
mod opener;
mod sockets;
mod timer;
mod unopened;
mod uring;
mod worker_driver;

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
    /// Chooses the engine for a plan with this many sockets. The kernel may not allow `io_uring`; containers often forbid
    /// it.
    pub(crate) fn of(plan: &LoadPlan, sockets: usize) -> Result<Self, LoadError> {
        let is_tls = plan.access.tls.is_some();
        let sockets = sockets.div_ceil(plan.threads.max(1));
        match plan.engine {
            EngineChoice::Tokio => Ok(Self::Tokio),
            EngineChoice::Auto if !is_tls && uring::is_available(sockets) => Ok(Self::Uring),
            EngineChoice::Auto => Ok(Self::Tokio),
            EngineChoice::Uring if is_tls => {
                Err(LoadError::Plan("cannot use io_uring with TLS; use --engine tokio".to_owned()))
            }
            EngineChoice::Uring if uring::is_available(sockets) => Ok(Self::Uring),
            EngineChoice::Uring => Err(LoadError::Plan(
                "cannot use io_uring: this kernel is older than 6.1 or forbids it; use --engine tokio".to_owned(),
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

    /// Drives a worker until it is done, and returns its counts by slot.
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
