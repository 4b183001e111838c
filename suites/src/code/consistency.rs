//! All views of a cluster agree with each other: those of one node, those of all nodes, and what nodes do.

use crate::check::CodeCheck;

mod deeds;
mod everywhere;
mod one_node;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [one_node::CHECKS, everywhere::CHECKS, deeds::CHECKS];
