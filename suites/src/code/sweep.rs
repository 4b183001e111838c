//! Sweeps: one call of every command that the server's own table says has keys, built from the table alone.

mod arguments;
mod calls;
mod plan;

pub(super) use calls::{Offence, leftovers, list, sweep, wait_for_none};
pub(super) use plan::{SweepPlan, plan};
