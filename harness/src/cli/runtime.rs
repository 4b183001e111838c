//! The runtime in which a command waits for clusters.

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::failure::Failure;

/// Runs a future to its end on this thread, with a set for tasks that stay on it.
pub(super) fn on_this_thread<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::System { action: "start an asynchronous runtime", source })?;
    Ok(LocalSet::new().block_on(&runtime, future))
}
