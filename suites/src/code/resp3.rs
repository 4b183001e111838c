//! The suite `resp3`: the replies and pushes of RESP3, and what they have in common with RESP2.

use crate::code_check::CodeCheck;

mod agreement;
mod pushes;
mod types;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [types::CHECKS, agreement::CHECKS, pushes::CHECKS];
