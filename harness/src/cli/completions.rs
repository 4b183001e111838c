//! `rct completions`: prints a completion script.

use clap::CommandFactory;

use super::args::{Arguments, Completions};
use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;

/// Prints the script for a shell.
pub(super) fn run(arguments: &Completions) -> Result<ExitStatus, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "rct", &mut script);
    out::data(&String::from_utf8_lossy(&script));
    Ok(ExitStatus::Success)
}
