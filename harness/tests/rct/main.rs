//! The binary `rct` as users and scripts call it, on real servers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod action;
mod conform;
mod defect;
mod ending;
mod hanging;
mod hooks;
#[path = "../support/junit.rs"]
mod junit_schema;
mod load;
mod load_access;
mod metrics;
mod parts;
#[path = "../support/release.rs"]
#[expect(dead_code, reason = "the tests that need no server use the rest")]
mod release;
#[path = "../support/servers.rs"]
mod servers;
mod support;
mod tls;
mod usage;
