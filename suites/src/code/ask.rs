//! The suite `ask`: what the nodes answer while a slot is open, to whom, with and without ASKING.

use crate::code_check::CodeCheck;

mod asking;
mod databases;
mod lifecycle;
mod replicas;
mod source;
mod target;
mod transactions;

/// Every check of the suite.
pub(super) const CHECKS: [&[CodeCheck]; 7] = [
    source::CHECKS,
    target::CHECKS,
    asking::CHECKS,
    transactions::CHECKS,
    replicas::CHECKS,
    lifecycle::CHECKS,
    databases::CHECKS,
];
