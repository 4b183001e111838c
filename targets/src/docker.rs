//! The targets `compose` and `containers`: clusters whose servers run in containers.

mod cluster;
pub(crate) mod compose;
mod compose_program;
mod container;
mod container_states;
pub(crate) mod container_target;
#[cfg(feature = "containers")]
pub(crate) mod containers;
mod engine;
pub(crate) mod engine_error;
mod forming;
mod images;
#[cfg(target_os = "linux")]
mod kill;
mod log;
mod networks;
mod node;
mod subnet;
