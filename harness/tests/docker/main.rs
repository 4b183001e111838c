//! The targets `compose` and `containers` on a real engine with images of real servers.
//!
//! Without an engine the tests do nothing and say so.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod compose;
#[cfg(feature = "containers")]
mod containers;
mod crashes;
#[path = "../support/faulted.rs"]
mod faulted;
mod faults;
mod images;
mod leftovers;
mod load;
mod mistakes;
#[path = "../support/other_client.rs"]
mod other_client;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/suites.rs"]
mod suites;
