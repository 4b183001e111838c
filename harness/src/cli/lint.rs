//! `rct lint`: reads suite files and reports mistakes.

use suites::Catalogue;

use super::args::Lint;
use super::{Failure, out};
use crate::record::ExitStatus;
use crate::text::count;

/// Reads every file, and reports the first mistake of each; runs nothing.
pub(super) fn run(arguments: &Lint) -> Result<ExitStatus, Failure> {
    let mut catalogue = Catalogue::built_in().map_err(Failure::usage)?;
    let built_in = catalogue.checks().len();
    let mut mistakes = 0;
    for file in &arguments.file {
        if let Err(error) = catalogue.add_path(file) {
            out::talk(&error.to_string());
            mistakes += 1;
        }
    }
    let checks = catalogue.checks().len() - built_in;
    if mistakes > 0 {
        return Err(Failure::usage(format!("{mistakes} of {} do not load", arguments.file.len())));
    }
    if checks == 0 {
        return Err(Failure::new(ExitStatus::NothingRan, "these files hold no check"));
    }
    out::data(&format!("{} read, no mistakes\n", count(checks, "check")));
    Ok(ExitStatus::Success)
}
