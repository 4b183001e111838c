//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop in order, the second ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::out;
use crate::exit::ExitStatus;
use crate::runner::interrupt::Interrupt;

/// Listens for signals as long as the runtime lives.
pub(super) fn listen(interrupt: &Interrupt) -> std::io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        tokio::task::spawn_local(heed(signal(kind)?, interrupt.clone()));
    }
    Ok(())
}

async fn heed(mut signals: Signal, interrupt: Interrupt) {
    while signals.recv().await.is_some() {
        if interrupt.is_raised() {
            // The guard stops what is still running, as it does when rct is killed.
            std::process::exit(ExitStatus::Interrupted.code().into());
        }
        out::talk("rct: stopping; once more to stop at once");
        interrupt.raise();
    }
}
