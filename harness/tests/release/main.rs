//! script/release and the GitHub Action on a machine without servers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod action;
mod archive;
#[path = "../support/release.rs"]
mod release;
mod versions;
