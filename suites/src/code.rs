//! Checks that are code: one file a suite.

use crate::check::CodeCheck;

/// Every check that is written in Rust.
pub fn all() -> impl Iterator<Item = &'static CodeCheck> {
    let suites: [&[CodeCheck]; 0] = [];
    suites.into_iter().flatten()
}
