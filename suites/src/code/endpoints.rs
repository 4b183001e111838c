//! The suite `endpoints`: the names, addresses and ports by which nodes are known to clients.

use crate::code_check::CodeCheck;

mod announced;
mod defaults;
mod preferred;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [defaults::CHECKS, preferred::CHECKS, announced::CHECKS];
