//! The suite `scripting`: the effects of errors inside scripts.

use crate::code_check::CodeCheck;

mod slot_error;

pub(super) const CHECKS: [&[CodeCheck]; 1] = [slot_error::CHECKS];
