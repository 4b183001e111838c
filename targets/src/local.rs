//! The target `local`: clusters of server processes on this machine.

mod certificates;
mod cluster;
mod config_file;
pub(crate) mod ports;
mod process;
mod server_binary;
mod settings;
pub(crate) mod target;
