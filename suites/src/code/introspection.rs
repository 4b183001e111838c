//! The suite `introspection`: what COMMAND says of each command is true. The suite `connection` compares single commands.

use crate::code_check::CodeCheck;

mod fan_out;
mod key_rights;
mod key_specs;
mod reply;
mod table;

pub(super) const CHECKS: [&[CodeCheck]; 4] = [table::CHECKS, key_specs::CHECKS, key_rights::CHECKS, fan_out::CHECKS];
