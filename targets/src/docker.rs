//! The targets `compose` and `containers`: clusters of servers in containers.

mod cluster;
pub(crate) mod compose;
mod compose_program;
mod container;
#[cfg(feature = "containers")]
pub(crate) mod containers;
mod engine;
mod events;
mod forming;
mod images;
#[cfg(target_os = "linux")]
mod kill;
mod networks;
mod node;
mod provider;
mod subnet;
