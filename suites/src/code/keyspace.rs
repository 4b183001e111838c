//! The suite `keyspace` in Rust: commands about all keys of one node. The others are in `keyspace.toml`.

use crate::code_check::CodeCheck;

mod counts;
mod expiry;
mod flush;
mod iteration;
mod moves;
pub(super) mod population;

pub(super) const CHECKS: [&[CodeCheck]; 6] =
    [iteration::CHECKS, counts::CHECKS, expiry::CHECKS, flush::CHECKS, moves::CHECKS, moves::SEEDS];
