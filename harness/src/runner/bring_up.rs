//! Brings up a cluster unless the user stops the run meanwhile.

use super::interrupt::Interrupt;
use targets::{BringUp, Lease, Target, TargetError};

/// Brings up a cluster; `None` if the user wished to stop before it was up, and nothing is left of it then.
///
/// # Errors
///
/// Why there is no cluster.
pub async fn bring_up(
    target: &dyn Target,
    request: &BringUp,
    interrupt: &Interrupt,
) -> Result<Option<Lease>, TargetError> {
    tokio::select! {
        lease = target.bring_up(request) => lease.map(Some),
        () = interrupt.raised() => Ok(None),
    }
}
