//! The record of a run of load, its files, and what is shown while it goes and at its end.

mod record;
mod table;
mod watch;

pub use record::{LoadRecord, SUMMARY_FILE, files};
pub use table::table;
pub use watch::Watch;
