//! Slot-aware load: given addresses and a plan, gives numbers.
//!
//! Where the cluster comes from, what is printed, and where files go belongs to `harness`; bytes and slots belong to
//! `wire`. Nothing in here ends a run because of what a server did: trouble is counted.

pub mod connection;
mod engine;
pub mod error;
pub mod histograms;
pub mod keys;
pub mod layout;
pub mod limits;
mod operation;
pub mod outcome;
pub mod plan;
pub mod recorder;
pub mod report;
pub mod run;
pub mod schedule;
mod scout;
pub mod timeline;
pub mod worker;
pub mod workload;

pub use error::LoadError;
pub use operation::Operation;
pub use plan::{EngineChoice, LoadPlan, Pace, ReadFrom, Retry, Routing, Until};
pub use report::LoadReport;
pub use run::{Observer, StopSignal, layout, run};
