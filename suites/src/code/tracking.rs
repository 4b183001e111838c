//! The suite `tracking`: client-side caching, and what a cluster adds to it.

use crate::code_check::CodeCheck;

mod modes;
mod moves;
mod tracker;
mod writes;

pub(super) const CHECKS: [&[CodeCheck]; 4] = [writes::CHECKS, modes::CHECKS, moves::CHECKS, moves::REDIRECTED];
