//! Checks that are data: suite files in TOML, each check a flat list of steps.
//!
//! A step kind is one method of [`crate::Cluster`]. There are no loops, conditions or arithmetic here: a check that
//! needs one is written in Rust.

mod error;
mod load;
mod names;
mod run;
mod schema;
mod steps;
mod template;

pub use error::SuiteFileError;
pub use load::{load, load_all};
pub use run::run;
pub use steps::{DataBody, Step, To};
