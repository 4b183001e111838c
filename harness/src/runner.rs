//! Runs checks: what runs where, in which order, and what becomes of it.

pub mod bring_up;
pub mod conduct;
pub mod execute;
pub mod interrupt;
pub mod kept_cluster;
pub mod known;
pub mod load;
pub mod pattern;
pub mod plan;
pub mod restore;
pub mod run_token;
pub mod seed;
pub mod settle;
