//! Workloads: weighted command templates over key spaces, from a mix or a TOML file.

mod compiled;
mod compiler;
mod effect;
mod file;
mod generator;
mod mix;
mod sizes;
mod template;
mod values;
mod verified;

pub use compiled::Workload;
pub(crate) use effect::Effect;
pub use file::WorkloadError;
pub use generator::Generator;
pub use mix::MixError;
pub use sizes::{Sizes, SizesError, VALUE_BYTES_MAX};
pub use template::Template;
pub use verified::VerifyError;

/// Returns the JSON Schema of workload files, by which editors complete and check them.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(file::WorkloadFile)
}
