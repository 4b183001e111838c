//! Suite files of the tests: a check that crashes its server, and one that only waits.

use std::path::Path;

use serde_json::Value;

/// A suite with a check that crashes its server (Redis 6.2 runs DEBUG for everybody).
pub(crate) const CRASHING: &str = r#"
suite = "mine"
[[check]]
id = "crash"
title = "A node survives DEBUG SEGFAULT"
level = "must"
spec = "DEBUG"
steps = [{ send = { command = "DEBUG SEGFAULT", to = "owner", expect = "ok" } }]
"#;

/// A check that waits for a second, and passes.
pub(crate) const WAITING: &str = r#"
[[check]]
id = "wait"
title = "BLPOP answers null after its timeout"
level = "must"
spec = "BLPOP"
steps = [{ send = { command = "BLPOP {key} 1", to = "owner", expect = "null" } }]
"#;

/// Writes a suite file, and returns its path.
pub(crate) fn suite(folder: &Path, text: &str) -> String {
    let file = folder.join("mine.toml");
    let text = if text.starts_with("\nsuite") { text.to_owned() } else { format!("suite = \"mine\"\n{text}") };
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// A check of a record.
pub(crate) fn check<'a>(record: &'a Value, id: &str) -> &'a Value {
    let checks = record["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("{id} is not in {record:#}"))
}
