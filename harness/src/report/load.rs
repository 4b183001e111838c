//! The record of a run of load, its files, and what is shown while it goes and at its end.

pub mod compare;
mod folder;
pub mod html;
pub mod junit;
pub mod markdown;
mod rows;
mod table;
mod watch;

pub use folder::write_files;
pub use table::table;
pub use watch::Watch;
