//! What a person or a CI system reads of a run, held by snapshots, and the folder that it is written to.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod exit;
mod fixture;
mod folder;
mod formats;
mod hostile;
mod terminal;
