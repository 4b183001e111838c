//! Ctrl-C, SIGTERM and SIGHUP: the first signal stops the run in order, the second ends rct at once.

use std::io;
use std::thread;

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;
use crate::runner::interrupt::Interrupt;

/// Listens for signals as long as the process lives. Call it outside of a runtime.
///
/// The listener has a thread of its own, because the main thread may be blocked while it cleans up.
///
/// # Errors
///
/// If the system starts no thread, or does not let rct listen for signals.
pub(super) fn listen() -> Result<Interrupt, Failure> {
    let interrupt = Interrupt::new();
    let listening = start(interrupt.clone());
    listening.map(|()| interrupt).map_err(|source| Failure::System { action: "listen for signals", source })
}

fn start(interrupt: Interrupt) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let signals = {
        let _context = runtime.enter();
        kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?
    };
    let heed_all = move || {
        runtime.block_on(join_all(signals.into_iter().map(|kind| heed(kind, interrupt.clone()))));
    };
    thread::Builder::new().name("signals".to_owned()).spawn(heed_all).map(drop)
}

async fn heed(mut signals: Signal, interrupt: Interrupt) {
    while signals.recv().await.is_some() {
        if interrupt.is_raised() {
            // The guard stops what is still running, as it does when rct is killed.
            std::process::exit(ExitStatus::Interrupted.code().into());
        }
        out::message("rct: stopping in order; press Ctrl-C again to stop at once");
        interrupt.raise();
    }
}
