//! `rct schema`: prints the JSON Schema of a format.

use schemars::schema_for;

use super::args::{Schema, SchemaName};
use super::failure::Failure;
use super::out;
use crate::record::{AnyRecord, ExitStatus};

/// Prints the schema.
pub(super) fn run(arguments: &Schema) -> Result<ExitStatus, Failure> {
    let schema = match arguments.format {
        SchemaName::Run => schema_for!(AnyRecord),
        SchemaName::Suite => suites::data::json_schema(),
        SchemaName::Workload => loadgen::workload::json_schema(),
    };
    out::data(&(serde_json::to_string_pretty(&schema)? + "\n"));
    Ok(ExitStatus::Success)
}
