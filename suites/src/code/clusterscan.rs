//! The suite `clusterscan`: a walk over the keys of the whole cluster.

use crate::code_check::CodeCheck;

mod arguments;
mod walk;
mod walks;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [walks::CHECKS, walks::MOVES, arguments::CHECKS];
