//! How checks and load run, and how results are shown: the library of the binary `rct`.
//!
//! What a check is, and what it may do, belongs to `suites`; bytes and slots belong to `wire`.

pub mod cli;
pub mod record;
pub mod report;
pub mod runner;
pub mod text;
