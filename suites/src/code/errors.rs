//! The suite `errors` in Rust: the form of errors, the arguments that are refused, and which error takes precedence.

use crate::code_check::CodeCheck;

mod arguments;
mod changes;
mod form;
mod precedence;
mod protocol;

pub(super) const CHECKS: [&[CodeCheck]; 5] =
    [arguments::CHECKS, changes::CHECKS, precedence::CHECKS, protocol::CHECKS, form::CHECKS];
