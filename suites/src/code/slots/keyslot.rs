//! CLUSTER KEYSLOT, and the reply that the hash function of rct expects.

use wire::{Command, Slot, command};

use crate::expect::Expect;

/// The command that asks a server for the slot of a key.
pub(super) fn keyslot(key: &[u8]) -> Command {
    command!["CLUSTER", "KEYSLOT", key]
}

/// Expects the slot of a key, from the hash function of rct.
pub(super) fn slot_of(key: &[u8]) -> Expect {
    Expect::Integer(Slot::of(key).number().into())
}
