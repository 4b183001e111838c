//! The catalogue: every defect, a file a family.

mod agreement;
mod arguments;
mod arity;
mod ask;
mod common;
mod connection;
mod crossslot;
mod epochs;
mod errors;
mod failover;
mod hashing;
mod info;
mod keys;
mod keyslot;
mod moved;
mod nodes;
mod precedence;
mod pubsub;
mod readonly;
mod replication;
mod scripting;
mod shards;
mod slots;
mod slots_reply;
mod transactions;
mod views;

use crate::defect::Defect;

/// All families.
const FAMILIES: [&[Defect]; 25] = [
    slots::DEFECTS,
    hashing::DEFECTS,
    keyslot::DEFECTS,
    agreement::DEFECTS,
    errors::DEFECTS,
    arity::DEFECTS,
    arguments::DEFECTS,
    precedence::DEFECTS,
    connection::DEFECTS,
    moved::DEFECTS,
    transactions::DEFECTS,
    ask::DEFECTS,
    crossslot::DEFECTS,
    readonly::DEFECTS,
    scripting::DEFECTS,
    pubsub::DEFECTS,
    nodes::DEFECTS,
    slots_reply::DEFECTS,
    shards::DEFECTS,
    info::DEFECTS,
    keys::DEFECTS,
    views::DEFECTS,
    failover::DEFECTS,
    replication::DEFECTS,
    epochs::DEFECTS,
];

/// Every defect.
pub fn all() -> impl Iterator<Item = &'static Defect> {
    FAMILIES.into_iter().flatten()
}

/// The defect of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Defect> {
    all().find(|defect| defect.name == name)
}
