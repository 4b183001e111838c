//! Faults and changes of the cluster during a load run: `--fault`, and `[[event]]` of a workload file.
//!
//! [`parse`] reads them, [`select`] chooses their nodes, [`conduct`] performs them while the load runs, and [`undo`]
//! gives the cluster its processes, roles and slots back.

pub mod conduct;
pub mod fault;
mod link;
mod migrate;
mod observe;
mod parse;
mod perform;
mod performer;
mod reshard;
pub mod select;
pub mod undo;

pub use fault::{Fault, FaultError};
