//! The suite `moved`: where a command for a key of another node is sent.

use crate::check::CodeCheck;

mod effects;
mod every_command;
mod target;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [effects::CHECKS, every_command::CHECKS, target::CHECKS];
