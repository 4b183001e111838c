//! Slots in motion: what the suites about open slots, resharding and atomic migration have in common.
//!
//! [`route`] draws a slot and its two ends, [`stage`] brings it to a named stage and back, and [`talk`] holds
//! conversations with the nodes at that stage. [`engine`] has the ways to move whole slots, and [`job`] reads the jobs of
//! one of them. [`pair`] has clusters of a check's own.

pub(super) mod engine;
pub(super) mod job;
pub(super) mod pair;
pub(super) mod route;
pub(super) mod stage;
pub(super) mod talk;
