//! The suite `scripting`: the effects of errors inside scripts, scripts and functions of each node, scripts that run too
//! long, and slots that are open or without an owner.

use crate::code_check::CodeCheck;

mod busy;
mod failover;
mod flags;
mod functions;
mod library;
mod nodes;
mod slot_error;
mod slots;

pub(super) const CHECKS: [&[CodeCheck]; 7] = [
    slot_error::CHECKS,
    nodes::CHECKS,
    functions::CHECKS,
    flags::CHECKS,
    failover::CHECKS,
    slots::CHECKS,
    busy::CHECKS,
];
