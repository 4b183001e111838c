//! Telling what happened: one record of the run, and a pure function of it for each format.

pub mod error;
pub mod record;
pub mod text;
