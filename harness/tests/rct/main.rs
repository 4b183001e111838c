//! The binary `rct` as users and scripts call it, on real servers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod conform;
mod defect;
mod ending;
mod hanging;
mod hooks;
#[path = "../support/junit.rs"]
mod junit_schema;
mod load;
mod load_access;
#[path = "../support/servers.rs"]
mod servers;
mod support;
mod usage;
