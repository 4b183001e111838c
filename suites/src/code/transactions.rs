//! The suite `transactions` in Rust: checks that move slots, stop serving, or block. The others are in
//! `transactions.toml`.

use crate::code_check::CodeCheck;

mod replica;
mod slots;

pub(super) const CHECKS: [&[CodeCheck]; 2] = [replica::CHECKS, slots::CHECKS];
