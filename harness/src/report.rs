//! Telling what happened: one record of the run, and a pure function of it for each format.

pub mod compare;
pub mod digest;
pub mod folder;
pub mod html;
pub mod json;
pub mod junit;
pub mod load;
pub mod markdown;
pub mod progress;
pub mod terminal;
