//! The suite `asm-valkey`: CLUSTER MIGRATESLOTS of Valkey, its jobs and how they end.
//!
//! What it has in common with other ways to move slots is in the suite `reshard`.

use crate::code_check::CodeCheck;

mod alone;
mod arguments;
mod data;
mod ends;
mod jobs;

/// Every check of the suite.
pub(super) const CHECKS: [&[CodeCheck]; 5] =
    [arguments::CHECKS, jobs::CHECKS, data::CHECKS, ends::CHECKS, alone::CHECKS];
