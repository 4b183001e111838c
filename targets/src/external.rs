//! The target `address`: a cluster that runs already and belongs to somebody else, which the command line gives by
//! address.
//!
//! `seeds` reads the addresses, `target` enters the cluster, `nodes` controls its nodes through `fault_hook`.

pub(crate) mod entry_error;
mod fault_hook;
pub(crate) mod hook_error;
mod nodes;
pub(crate) mod seeds;
pub(crate) mod target;
