//! The suite `topology`: the form and the content of the reply to each topology command.
//!
//! The suite `consistency` compares the replies with each other.

use crate::code_check::CodeCheck;

mod failures;
mod fresh;
mod ids;
mod info;
mod keys;
mod nodes;
mod open_slots;
mod peers;
mod roles;
mod shards;
mod slots;
mod syncing;

pub(super) use info::{cluster_info, number};
pub(super) use peers::replicas;
pub(super) use slots::judge_ranges;

pub(super) const CHECKS: [&[CodeCheck]; 12] = [
    info::CHECKS,
    ids::CHECKS,
    nodes::CHECKS,
    slots::CHECKS,
    shards::CHECKS,
    peers::CHECKS,
    keys::CHECKS,
    fresh::CHECKS,
    open_slots::CHECKS,
    roles::CHECKS,
    failures::CHECKS,
    syncing::CHECKS,
];
