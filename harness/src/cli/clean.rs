//! `rct clean`: removes what killed runs have left in the container engine.

use super::args::Clean;
use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;

/// Runs the command.
pub(super) fn run(arguments: &Clean) -> Result<ExitStatus, Failure> {
    let removed = targets::remove_leftovers(arguments.all)?;
    out::text(&format!("{removed}\n"));
    Ok(ExitStatus::Success)
}
