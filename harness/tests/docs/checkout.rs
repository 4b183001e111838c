//! The checkout that the tests read.

use std::path::{Path, PathBuf};

/// Returns the top folder of the checkout.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
