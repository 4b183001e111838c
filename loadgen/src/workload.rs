//! Workloads: weighted command templates over key spaces, from a mix or a TOML file.

mod file;
mod generator;
mod mix;
mod shape;
mod sizes;
mod template;

pub use file::WorkloadError;
pub use generator::Generator;
pub use mix::MixError;
pub use shape::Workload;
pub use sizes::{Sizes, SizesError, VALUE_BYTES_MAX};
pub use template::Template;
