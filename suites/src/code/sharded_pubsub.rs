//! The suite `sharded-pubsub`: shard channels while slots and roles change, while the cluster is down, and for users
//! with few rights.

use crate::code_check::CodeCheck;

mod ends;
mod failover;
mod moving;
mod open_slot;
mod payloads;
mod rights;
mod state;

pub(super) const CHECKS: [&[CodeCheck]; 9] = [
    moving::SUBSCRIPTIONS_END,
    moving::REPLIES_KEEP_THEIR_ORDER,
    moving::QUEUED_MESSAGES_ARE_REDIRECTED,
    payloads::CHECKS,
    open_slot::CHECKS,
    ends::CHECKS,
    failover::CHECKS,
    state::CHECKS,
    rights::CHECKS,
];
