//! Checks that are code: one file a suite, or one folder.

use crate::check::CodeCheck;

mod slots;

/// Every check that is written in Rust.
pub fn all() -> impl Iterator<Item = &'static CodeCheck> {
    slots::CHECKS.into_iter().flatten()
}
