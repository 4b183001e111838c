//! Sweeps: calls of every command with keys in the server's table of commands, built from the table alone.
//!
//! `arguments` builds the calls, `plan` confirms them with COMMAND GETKEYS, and `calls` makes them. The checks that use
//! sweeps are in `moved` and `crossslot`.

mod arguments;
mod calls;
mod plan;

pub(super) use calls::{Call, Offence, leftovers, list, sweep, wait_for_none};
pub(super) use plan::{SweepPlan, Unconfirmed, plan};
