//! The suite `errors`: how commands are refused, and which refusal wins.

use crate::code_check::CodeCheck;

mod arguments;
mod changes;
mod precedence;
mod protocol;
mod words;

pub(super) const CHECKS: [&[CodeCheck]; 5] =
    [arguments::CHECKS, changes::CHECKS, precedence::CHECKS, protocol::CHECKS, words::CHECKS];
