//! The suite `moved` in Rust: redirects to the owners of slots. `moved.toml` has one check for each command.

use crate::code_check::CodeCheck;

mod blocked;
mod changes;
mod effects;
mod every_command;
mod settings;
mod target;

pub(super) const CHECKS: [&[CodeCheck]; 6] =
    [target::CHECKS, effects::CHECKS, every_command::CHECKS, settings::CHECKS, changes::CHECKS, blocked::CHECKS];
