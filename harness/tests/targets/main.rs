//! The targets, on real servers; see `servers` for where those come from.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod control;
mod local;
mod restore;
#[path = "../support/servers.rs"]
mod servers;
mod tls;
