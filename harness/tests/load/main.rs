//! Whether load tells the truth, on real servers: counts to the unit, stalls by arithmetic, changes that end no run.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod common;
mod counts;
#[path = "../support/servers.rs"]
mod servers;
mod stall;
