//! The suite `slot-stats` in Rust: CLUSTER SLOT-STATS. Mistakes in its arguments are in `slot-stats.toml`.

use crate::code_check::CodeCheck;

mod keys;
mod stats;
mod usage;

pub(super) const CHECKS: [&[CodeCheck]; 2] = [keys::CHECKS, usage::CHECKS];
