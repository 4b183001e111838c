//! Which slot a key hashes to: what needs bytes that are not UTF-8, a loop, or chance.

use crate::code_check::CodeCheck;

mod agreement;
mod hashing;
mod keyslot;
mod odd_keys;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [hashing::CHECKS, agreement::CHECKS, odd_keys::CHECKS];
