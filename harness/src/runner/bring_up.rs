//! Brings up a cluster unless the user stops the run meanwhile.

use std::time::Duration;

use super::interrupt::Interrupt;
use targets::{BringUp, Lease, Target, TargetError};

/// The node timeout of a cluster that no check disturbs, unless the user names another one.
pub const UNDISTURBED_NODE_TIMEOUT: Duration = Duration::from_secs(5);

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
