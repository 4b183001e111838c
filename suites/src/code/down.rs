//! The suite `down`: what nodes answer while slots, primaries or the majority are missing, and when they serve again.

use crate::code_check::CodeCheck;

mod coverage;
mod false_alarm;
mod lost_slot;
mod minority;
mod settings;

/// Every check of the suite.
pub(super) const CHECKS: [&[CodeCheck]; 4] =
    [coverage::CHECKS, settings::CHECKS, minority::CHECKS, false_alarm::CHECKS];
