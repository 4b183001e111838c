//! The suite `slot-admin`: commands by which an operator gives slots, roles and epochs to nodes.
//!
//! Most checks use empty nodes beside the cluster, so that no mistake of a server can damage the cluster.

use crate::code_check::CodeCheck;

mod adding;
mod company;
mod deleting;
mod epochs;
mod forgetting;
mod lines;
mod meeting;
mod own;
mod replicating;
mod resetting;
mod setslot;
mod valkey;

/// Every check of the suite that is written in Rust.
pub(super) const CHECKS: [&[CodeCheck]; 9] = [
    adding::CHECKS,
    deleting::CHECKS,
    meeting::CHECKS,
    forgetting::CHECKS,
    replicating::CHECKS,
    resetting::CHECKS,
    epochs::CHECKS,
    setslot::CHECKS,
    valkey::CHECKS,
];
