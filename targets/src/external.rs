//! The target `address`: a cluster that runs already, and belongs to somebody else.

pub(crate) mod entry_error;
mod fault_hook;
pub(crate) mod hook_error;
mod nodes;
pub(crate) mod seeds;
pub(crate) mod target;
