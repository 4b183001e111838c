//! All views of a cluster agree with each other: those of one node, those of all nodes, and what nodes do.

use crate::code_check::CodeCheck;

mod changes;
mod deeds;
mod everywhere;
mod one_node;
mod restarts;

pub(super) const CHECKS: [&[CodeCheck]; 5] =
    [one_node::CHECKS, everywhere::CHECKS, deeds::CHECKS, changes::CHECKS, restarts::CHECKS];
