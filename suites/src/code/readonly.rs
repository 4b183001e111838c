//! The suite `readonly` in Rust: checks that need faults, loops or other users. The others are in `readonly.toml`.

use crate::code_check::CodeCheck;

mod outages;
pub(super) mod reads;
mod roles;
mod standalone;
mod writes;

pub(super) const CHECKS: [&[CodeCheck]; 5] =
    [reads::CHECKS, writes::CHECKS, roles::CHECKS, outages::CHECKS, standalone::CHECKS];
