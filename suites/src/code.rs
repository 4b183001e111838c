//! The checks in Rust: one file, and if needed a folder, for each suite.
//!
//! `blocked`, `gap`, `messages`, `motion`, `state`, `sweep` and `users` have what several suites use. The checks in TOML
//! are in `suites/checks`.

use crate::code_check::CodeCheck;

mod ask;
mod asm_valkey;
mod blocked;
mod connection;
mod consistency;
mod crossslot;
mod down;
mod errors;
mod failover;
mod gap;
mod keyslot;
mod messages;
mod motion;
mod moved;
mod pubsub;
mod readonly;
mod replication;
mod reshard;
mod scripting;
mod sharded_pubsub;
mod slot_admin;
mod slots;
mod state;
mod sweep;
mod topology;
mod transactions;
mod users;

/// Every check that is written in Rust.
pub fn all() -> impl Iterator<Item = &'static CodeCheck> {
    // One suite on each line.
    let suites: &[&[&[CodeCheck]]] = &[
        &ask::CHECKS,
        &asm_valkey::CHECKS,
        &connection::CHECKS,
        &consistency::CHECKS,
        &crossslot::CHECKS,
        &down::CHECKS,
        &errors::CHECKS,
        &failover::CHECKS,
        &keyslot::CHECKS,
        &moved::CHECKS,
        &pubsub::CHECKS,
        &readonly::CHECKS,
        &replication::CHECKS,
        &reshard::CHECKS,
        &scripting::CHECKS,
        &sharded_pubsub::CHECKS,
        &slot_admin::CHECKS,
        &slots::CHECKS,
        &topology::CHECKS,
        &transactions::CHECKS,
        //
    ];
    suites.iter().copied().flatten().copied().flatten()
}
