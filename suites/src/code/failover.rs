//! Failover, automatic and by hand: what nodes, epochs, clients and data must show.

use crate::code_check::CodeCheck;

mod again;
mod automatic;
mod elections;
mod forced;
mod handover;
mod ledger;
mod majority;
mod manual;
mod migration;
mod options;
mod returning;
pub(super) mod scene;
pub(super) mod watch;
mod window;
mod writer;

/// The suite's checks, by idea.
pub(super) const CHECKS: [&[CodeCheck]; 11] = [
    again::CHECKS,
    automatic::CHECKS,
    elections::CHECKS,
    forced::CHECKS,
    handover::CHECKS,
    majority::CHECKS,
    manual::CHECKS,
    migration::CHECKS,
    options::CHECKS,
    returning::CHECKS,
    window::CHECKS,
];
