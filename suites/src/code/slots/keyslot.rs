//! CLUSTER KEYSLOT, and the answer that our own hash expects.

use wire::{Command, Slot, command};

use crate::expect::Expect;

/// The command that asks a server for the slot of a key.
pub(super) fn keyslot(key: &[u8]) -> Command {
    command!["CLUSTER", "KEYSLOT", key]
}

/// The slot of a key, by our own hash.
pub(super) fn slot_of(key: &[u8]) -> Expect {
    Expect::Integer(Slot::of(key).number().into())
}
