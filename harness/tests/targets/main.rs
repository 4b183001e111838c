//! The targets, on real servers; see `common` for where those come from.

mod common;
mod local;
