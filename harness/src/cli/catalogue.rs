//! The checks of which `rct conform`, `rct list` and `rct explain` choose.

use std::path::PathBuf;

use suites::{Catalogue, Check};

use super::failure::Failure;

/// The built-in checks and those of the user's files.
pub(super) fn catalogue(files: &[PathBuf]) -> Result<Catalogue, Failure> {
    let mut catalogue = Catalogue::built_in()?;
    for file in files {
        catalogue.add_path(file)?;
    }
    Ok(catalogue)
}

/// What a check needs of its target, in words.
pub(super) fn needs(check: &Check) -> Vec<String> {
    check.needs.iter().map(ToString::to_string).collect()
}
