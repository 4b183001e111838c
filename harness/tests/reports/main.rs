//! The reports of a run, compared with snapshots, and the folder of a run.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../support/junit.rs"]
mod junit_schema;
#[path = "../support/schema.rs"]
mod schema;

mod causes;
mod exit;
mod fixture;
mod folder;
mod formats;
mod github;
mod hostile;
mod known_list;
mod load_fixture;
mod load_page;
mod matrix;
mod terminal;
mod times;
