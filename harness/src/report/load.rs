//! The record of a run of load, its files, and what is shown while it goes and at its end.

pub mod compare;
pub mod html;
pub mod junit;
pub mod markdown;
mod record;
mod rows;
mod table;
mod watch;

pub use record::{LOAD, LoadRecord, SUMMARY_FILE, files};
pub use table::table;
pub use watch::Watch;
