//! Running checks: what is selected, in which order, and what happened.

pub mod event;
