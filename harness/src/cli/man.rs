//! `rct man`: makes the man pages from the definitions of the command line.

use std::fs;

use clap::CommandFactory;
use clap_mangen::Man as Page;

use super::args::{Arguments, Man};
use super::failure::Failure;
use super::out;
use crate::record::{ExitStatus, ReportError};

/// Prints the page of rct, or writes the pages of all commands into a folder.
pub(super) fn run(arguments: &Man) -> Result<ExitStatus, Failure> {
    let command = Arguments::command();
    if let Some(folder) = &arguments.out {
        let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
        written.map_err(|source| ReportError::write(folder, source))?;
    } else {
        let mut page = Vec::new();
        Page::new(command).render(&mut page).map_err(ReportError::from)?;
        out::data(&String::from_utf8_lossy(&page));
    }
    Ok(ExitStatus::Success)
}
