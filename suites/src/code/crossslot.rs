//! The suite `crossslot` in Rust: commands with keys of several slots. `crossslot.toml` has one check for each command.

use crate::code_check::CodeCheck;

mod accepted;
mod effects;
mod every_command;
mod sort;

pub(super) const CHECKS: [&[CodeCheck]; 4] = [accepted::CHECKS, effects::CHECKS, every_command::CHECKS, sort::CHECKS];
