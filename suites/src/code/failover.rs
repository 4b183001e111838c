//! The suite `failover`: automatic and manual failovers, as nodes, epochs, clients and data show them.
//!
//! `participants` chooses the nodes of a check, `observe` reads what other nodes say of them, and `writer` and `written`
//! are clients that write while a failover happens.

use crate::code_check::CodeCheck;

mod automatic;
mod blocked;
mod client_view;
mod elections;
mod empty_shard;
mod first_write;
mod forced;
mod handover;
mod majority;
mod manual;
mod migration;
pub(super) mod observe;
mod old_primary;
mod options;
pub(super) mod participants;
mod second_promotion;
mod siblings;
pub(super) mod writer;
pub(super) mod written;

/// The checks of the suite, by file.
pub(super) const CHECKS: [&[CodeCheck]; 15] = [
    second_promotion::CHECKS,
    siblings::CHECKS,
    automatic::CHECKS,
    blocked::CHECKS,
    elections::CHECKS,
    empty_shard::CHECKS,
    first_write::CHECKS,
    forced::CHECKS,
    handover::CHECKS,
    majority::CHECKS,
    manual::CHECKS,
    migration::CHECKS,
    options::CHECKS,
    old_primary::CHECKS,
    client_view::CHECKS,
];
