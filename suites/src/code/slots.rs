//! Which slot a key hashes to: what needs bytes that are not UTF-8, a loop, or chance.

use wire::{Command, Slot, command};

use crate::check::CodeCheck;
use crate::expect::Expect;

mod agreement;
mod hashing;
mod odd_keys;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [hashing::CHECKS, agreement::CHECKS, odd_keys::CHECKS];

fn keyslot(key: &[u8]) -> Command {
    command!["CLUSTER", "KEYSLOT", key]
}

fn slot_of(key: &[u8]) -> Expect {
    Expect::Integer(Slot::of(key).number().into())
}
