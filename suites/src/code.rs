//! Checks that are code: one file a suite, or one folder.

use crate::check::CodeCheck;

mod crossslot;
mod moved;
mod slots;
mod sweep;

/// Every check that is written in Rust.
pub fn all() -> impl Iterator<Item = &'static CodeCheck> {
    // One suite a line.
    let suites: &[&[&[CodeCheck]]] = &[
        &crossslot::CHECKS,
        &moved::CHECKS,
        &slots::CHECKS,
        //
    ];
    suites.iter().copied().flatten().copied().flatten()
}
