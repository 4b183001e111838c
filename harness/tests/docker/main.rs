//! The targets of containers, on a real engine with images of real servers; left out, and saying so, where no engine
//! answers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod compose;
#[cfg(feature = "containers")]
mod containers;
mod faults;
mod leftovers;
mod mistakes;
#[path = "../support/servers.rs"]
mod servers;
