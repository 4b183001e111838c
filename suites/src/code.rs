//! The checks in Rust: one file, and if needed a folder, for each suite.
//!
//! `blocked`, `gap`, `messages`, `motion`, `state`, `sweep` and `users` have what several suites use. The checks in TOML
//! are in `suites/checks`.

use crate::code_check::CodeCheck;

mod ask;
mod asm_valkey;
mod blocked;
mod clusterscan;
mod connection;
mod consistency;
mod crossslot;
mod down;
mod endpoints;
mod errors;
mod failover;
mod gap;
mod introspection;
mod keyslot;
mod keyspace;
mod load;
mod messages;
mod motion;
mod moved;
mod multi_db;
mod pubsub;
mod readonly;
mod replication;
mod reshard;
mod resp3;
mod scripting;
mod security;
mod sharded_pubsub;
mod slot_admin;
mod slot_stats;
mod slots;
mod state;
mod sweep;
mod tls;
mod topology;
mod tracking;
mod transactions;
mod users;

/// Every check that is written in Rust.
pub fn all() -> impl Iterator<Item = &'static CodeCheck> {
    // One suite on each line.
    let suites: &[&[&[CodeCheck]]] = &[
        &ask::CHECKS,
        &asm_valkey::CHECKS,
        &clusterscan::CHECKS,
        &connection::CHECKS,
        &consistency::CHECKS,
        &crossslot::CHECKS,
        &down::CHECKS,
        &endpoints::CHECKS,
        &errors::CHECKS,
        &failover::CHECKS,
        &introspection::CHECKS,
        &keyslot::CHECKS,
        &keyspace::CHECKS,
        &load::CHECKS,
        &moved::CHECKS,
        &pubsub::CHECKS,
        &multi_db::CHECKS,
        &readonly::CHECKS,
        &replication::CHECKS,
        &reshard::CHECKS,
        &resp3::CHECKS,
        &scripting::CHECKS,
        &sharded_pubsub::CHECKS,
        &slot_admin::CHECKS,
        &security::CHECKS,
        &slot_stats::CHECKS,
        &slots::CHECKS,
        &tls::CHECKS,
        &topology::CHECKS,
        &tracking::CHECKS,
        &transactions::CHECKS,
        //
    ];
    suites.iter().copied().flatten().copied().flatten()
}
