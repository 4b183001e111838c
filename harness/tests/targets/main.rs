//! The targets, on real servers; see `servers` for where those come from.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall say where")]

mod common;
mod control;
mod local;
mod restore;
#[path = "../support/servers.rs"]
mod servers;
