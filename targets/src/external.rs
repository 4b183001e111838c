//! The target `address`: a cluster that runs already, and belongs to somebody else.

mod fault_hook;
mod nodes;
pub(crate) mod seeds;
pub(crate) mod target;
