//! The suite `readonly`, as far as it is code.

use crate::check::CodeCheck;

mod outages;
pub(super) mod reads;
mod roles;
mod standalone;

pub(super) const CHECKS: [&[CodeCheck]; 4] = [reads::CHECKS, roles::CHECKS, outages::CHECKS, standalone::CHECKS];
