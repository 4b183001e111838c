//! Runs load on a cluster: brings it up, fills its keys, drives the load, and takes away what was written.
//!
//! How load is driven and measured belongs to `loadgen`; [`settings`] is what a user can choose, and [`run`] the order of
//! things.

mod bulk;
mod caller;
pub mod error;
pub mod events;
pub mod meeting;
pub mod merge;
mod observer;
pub mod parts;
mod read_back;
pub mod results;
pub mod run;
pub mod settings;
pub mod workload_source;

pub use error::LoadRunError;
pub use events::{Fault, FaultError};
pub use meeting::{MeetingError, Start, Together};
pub use results::{Results, ResultsError};
pub use run::LoadRun;
pub use settings::LoadSettings;
pub use workload_source::{WorkloadSource, WorkloadSourceError};
