//! The suite `consistency`: the views of one node agree, those of all nodes agree, and nodes act as their views say.

use crate::code_check::CodeCheck;

mod all_nodes;
mod changes;
mod one_node;
mod restarts;
mod routing;

pub(super) const CHECKS: [&[CodeCheck]; 5] =
    [one_node::CHECKS, all_nodes::CHECKS, routing::CHECKS, changes::CHECKS, restarts::CHECKS];
