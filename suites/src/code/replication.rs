//! The suite `replication`, as far as it is code.

use crate::code_check::CodeCheck;

mod data;
mod roles;
mod wait;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [data::CHECKS, wait::CHECKS, roles::CHECKS];
