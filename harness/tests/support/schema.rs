//! Validates data by a JSON Schema that `rct schema` prints.

use std::process::Command;

use boon::{Compiler, Schemas};
use serde_json::Value;

/// Returns what the schema of a format (`run`, `suite`, `workload`) does not allow in data; empty if the data is valid.
pub(crate) fn mistakes(format: &str, data: &Value) -> String {
    let printed = Command::new(env!("CARGO_BIN_EXE_rct")).args(["schema", format]).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let schema: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let compiled = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(data, compiled).err().map_or(String::new(), |error| format!("{error:#}"))
}
