//! The targets `compose` and `containers`: clusters of servers in containers.

mod cluster;
pub(crate) mod compose;
mod compose_program;
mod container;
pub(crate) mod container_target;
#[cfg(feature = "containers")]
pub(crate) mod containers;
mod engine;
pub(crate) mod engine_error;
mod events;
mod forming;
mod images;
#[cfg(target_os = "linux")]
mod kill;
mod networks;
mod node;
mod subnet;
