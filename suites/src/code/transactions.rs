//! The suite `transactions`, as far as it is code.

use crate::code_check::CodeCheck;

mod replica;
mod slots;

pub(super) const CHECKS: [&[CodeCheck]; 2] = [replica::CHECKS, slots::CHECKS];
