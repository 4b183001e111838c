//! The catalogue of all defects, with one file for each family.

mod agreement;
mod arguments;
mod arity;
mod ask;
mod ask_source;
mod ask_target;
mod asking;
mod channels;
mod clusterscan;
mod common;
mod compared;
mod connection;
mod crossslot;
mod endpoints;
mod epochs;
mod errors;
mod failover;
mod hashing;
mod info;
mod introspection;
mod keys;
mod keys_of;
mod keyslot;
mod keyspace;
mod load_invariants;
mod lookups;
mod membership;
mod migrate;
mod migrateslots;
mod misplaced;
mod moved;
mod multi_db;
mod needless;
mod nodes;
mod open_slot;
mod outages;
mod owners;
mod precedence;
mod pubsub;
mod readonly;
mod readonly_ends;
mod refusals;
mod replicas;
mod replication;
mod resharding;
mod resp3;
mod script_keys;
mod script_rights;
mod scripting;
mod security;
mod setslot;
mod setslot_refusals;
mod shard_channels;
mod shard_ends;
mod shards;
mod slot_lists;
mod slot_stats;
mod slots;
mod slots_reply;
mod sort;
mod tls;
mod tracking;
mod transactions;
mod unmoved;
mod views;
mod watch;

use crate::defect::Defect;

/// All families.
const FAMILIES: &[&[Defect]] = &[
    slots::DEFECTS,
    hashing::DEFECTS,
    keyslot::DEFECTS,
    keyspace::DEFECTS,
    introspection::DEFECTS,
    resp3::DEFECTS,
    tracking::DEFECTS,
    load_invariants::DEFECTS,
    endpoints::DEFECTS,
    security::DEFECTS,
    tls::DEFECTS,
    slot_stats::DEFECTS,
    clusterscan::DEFECTS,
    multi_db::DEFECTS,
    agreement::DEFECTS,
    errors::DEFECTS,
    arity::DEFECTS,
    arguments::DEFECTS,
    precedence::DEFECTS,
    connection::DEFECTS,
    moved::DEFECTS,
    unmoved::DEFECTS,
    misplaced::DEFECTS,
    transactions::DEFECTS,
    watch::DEFECTS,
    ask::DEFECTS,
    ask_source::DEFECTS,
    ask_target::DEFECTS,
    asking::DEFECTS,
    setslot::DEFECTS,
    migrate::DEFECTS,
    resharding::DEFECTS,
    migrateslots::DEFECTS,
    slot_lists::DEFECTS,
    lookups::DEFECTS,
    membership::DEFECTS,
    setslot_refusals::DEFECTS,
    crossslot::DEFECTS,
    compared::DEFECTS,
    owners::DEFECTS,
    refusals::DEFECTS,
    needless::DEFECTS,
    sort::DEFECTS,
    readonly::DEFECTS,
    readonly_ends::DEFECTS,
    replicas::DEFECTS,
    scripting::DEFECTS,
    script_keys::DEFECTS,
    script_rights::DEFECTS,
    pubsub::DEFECTS,
    channels::DEFECTS,
    shard_channels::DEFECTS,
    shard_ends::DEFECTS,
    nodes::DEFECTS,
    slots_reply::DEFECTS,
    shards::DEFECTS,
    info::DEFECTS,
    keys::DEFECTS,
    views::DEFECTS,
    failover::DEFECTS,
    replication::DEFECTS,
    epochs::DEFECTS,
    outages::DEFECTS,
];

/// Returns all defects.
pub fn all() -> impl Iterator<Item = &'static Defect> {
    FAMILIES.iter().copied().flatten()
}

/// Returns the defect with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Defect> {
    all().find(|defect| defect.name == name)
}
