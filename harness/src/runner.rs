//! Runs checks and load: decides what runs where and when, and sends events about it.

pub mod bring_up;
pub mod conduct;
pub mod execute;
pub mod gate;
pub mod given;
pub mod host;
pub mod interrupt;
pub mod inventory;
pub mod kept_cluster;
pub mod known;
pub mod load;
pub mod obstacle;
pub mod pattern;
pub mod plan;
pub mod restore;
pub mod run_token;
pub mod seed;
pub mod selection;
pub mod settle;
pub mod surroundings;
pub mod suspects;
pub mod upset;
