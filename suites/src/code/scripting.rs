//! The suite `scripting`: what a script may touch, and what its errors leave behind.

use crate::code_check::CodeCheck;

mod slot_error;

pub(super) const CHECKS: [&[CodeCheck]; 1] = [slot_error::CHECKS];
