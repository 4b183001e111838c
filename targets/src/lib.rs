//! Where clusters come from: processes of this machine, containers, or an address.
//!
//! A [`Target`] brings up a cluster, or finds the one that there is, and hands it out as a [`Lease`]. What checks do on
//! a cluster belongs to `suites`, how they are run and reported to `harness`.

mod bootstrap;
mod cleanup;
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
