//! The suite `slots` in Rust: hashing of keys that are not UTF-8, of many keys, or of random ones. The others are in
//! `slots.toml`.

use crate::code_check::CodeCheck;

mod agreement;
mod hashing;
mod keyslot;
mod odd_keys;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [hashing::CHECKS, agreement::CHECKS, odd_keys::CHECKS];
