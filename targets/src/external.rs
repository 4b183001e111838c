//! The target `address`: a running cluster, which rct did not start.
//!
//! `seeds` reads the addresses, and `target` enters the cluster: `slot_map` reads a node's map, and `survey` asks all
//! nodes. `nodes` controls the nodes through `fault_hook`.

pub(crate) mod entry_error;
mod fault_hook;
mod findings;
pub(crate) mod hook_error;
mod nodes;
mod open_slots;
mod questions;
pub(crate) mod seeds;
mod slot_map;
mod survey;
pub(crate) mod target;
