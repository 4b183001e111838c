//! The binary `rct`, as a user or a script meets it, against real servers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod conform;
mod defect;
mod ending;
mod hanging;
mod hooks;
mod load;
mod load_access;
#[path = "../support/servers.rs"]
mod servers;
mod support;
mod usage;
