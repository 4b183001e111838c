//! The target `local`: clusters of server processes of this machine.

mod cluster;
mod config_file;
mod ports;
mod process;
mod server_binary;
mod settings;
pub(crate) mod target;
