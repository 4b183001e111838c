//! Checks that are code: one file a suite, or one folder.

use crate::check::CodeCheck;

mod crossslot;
mod keyslot;
mod moved;
mod readonly;
mod replication;
mod slots;
mod sweep;
mod topology;
mod transactions;

/// Every check that is written in Rust.
pub fn all() -> impl Iterator<Item = &'static CodeCheck> {
    // One suite a line.
    let suites: &[&[&[CodeCheck]]] = &[
        &crossslot::CHECKS,
        &keyslot::CHECKS,
        &moved::CHECKS,
        &readonly::CHECKS,
        &replication::CHECKS,
        &slots::CHECKS,
        &topology::CHECKS,
        &transactions::CHECKS,
        //
    ];
    suites.iter().copied().flatten().copied().flatten()
}
