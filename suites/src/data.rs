//! Checks in TOML: suite files, in which each check is a flat list of steps.
//!
//! `schema` is the format, `load` reads a file, `expand` makes checks of its entries, and `run` runs the steps. There are
//! no loops, conditions or calculations: a check that needs one is written in Rust, in [`crate::code`].

mod error;
mod expand;
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

/// Returns the JSON Schema of suite files, by which editors complete and check them.
#[must_use]
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(schema::SuiteFile)
}
