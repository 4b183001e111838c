//! The targets, where clusters come from: processes on this machine, containers, or a cluster given by address.
//!
//! A [`Target`] brings up a cluster, or finds the existing one, and returns it as a [`Lease`]. The crate `suites` has
//! the checks on a cluster. The crate `harness` runs them and reports the results.

mod bootstrap;
mod cleanup;
mod crash;
mod docker;
mod error;
mod external;
mod local;
mod output;
mod target;

pub use cleanup::guard;
pub use cleanup::leftovers::{Removed, remove_leftovers};
pub use docker::compose::{ComposeOptions, open_compose};
pub use docker::container_target::ContainerTarget;
#[cfg(feature = "containers")]
pub use docker::containers::{ContainersOptions, open_containers};
pub use error::TargetError;
pub use external::seeds::{Seeds, SeedsError};
pub use external::target::ExternalTarget;
pub use local::target::{LocalOptions, LocalTarget};
pub use target::{BringUp, Lease, Target};
