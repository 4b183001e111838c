//! The suite `reshard`: MIGRATE, and whole slots that move with their keys while clients use them.

use crate::code_check::CodeCheck;

mod clients;
mod command;
mod contents;
mod faults;
mod halves;
mod login;
mod owners;
mod special_keys;
mod writers;

/// Every check of the suite.
pub(super) const CHECKS: [&[CodeCheck]; 13] = [
    command::CHECKS,
    login::CHECKS,
    special_keys::CHECKS,
    contents::CHECKS,
    contents::EVERY_KEY_ARRIVES,
    writers::NO_WRITE_IS_LOST,
    clients::BLOCKED,
    clients::TRANSACTIONS,
    owners::EMPTY_SLOT,
    owners::SEVERAL_SLOTS,
    owners::CHECKS,
    halves::CHECKS,
    faults::CHECKS,
];
