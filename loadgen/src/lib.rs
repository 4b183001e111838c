//! A slot-aware load generator: it runs a [`LoadPlan`] against a cluster and returns a [`LoadReport`].
//!
//! `wire` has the protocol and the slots. `targets` starts clusters, and `harness` prints results and writes files. No
//! fault of a server ends a run: the run counts it and goes on.

mod attendant;
pub mod blame;
pub mod connection;
mod engine;
pub mod error;
pub mod handover;
pub mod histograms;
pub mod keys;
pub mod layout;
pub mod ledger;
pub mod limits;
pub mod merge;
mod observer;
mod operation;
pub mod outage;
pub mod outcome;
pub mod outline;
mod packed;
pub mod plan;
mod ranks;
pub mod read_back;
pub mod recorder;
pub mod report;
pub mod run;
pub mod schedule;
mod scout;
pub mod shards;
pub mod share;
pub mod stalls;
mod summary;
mod sums;
pub mod timeline;
pub mod waits;
pub mod worker;
pub mod workload;

pub use error::LoadError;
pub use ledger::Ledger;
pub use observer::Observer;
pub use operation::Operation;
pub use plan::{EngineChoice, LoadPlan, Pace, ReadFrom, Retry, Routing, Until};
pub use report::LoadReport;
pub use run::{StopSignal, layout, run, run_from};
pub use share::{Share, ShareError};
