//! The reports of a run, compared with snapshots, and the folder of a run.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod causes;
mod exit;
mod fixture;
mod folder;
mod formats;
mod hostile;
mod known_list;
mod terminal;
