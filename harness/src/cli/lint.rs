//! `rct lint`: reads suite files and reports mistakes.

use suites::lint::lint;

use super::args::Lint;
use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;
use crate::text::count;

/// Reads every file and reports every mistake; runs nothing.
pub(super) fn run(arguments: &Lint) -> Result<ExitStatus, Failure> {
    let findings = lint(&arguments.file)?;
    for mistake in &findings.mistakes {
        out::message(&mistake.to_string());
    }
    let files = count(findings.files, "file");
    if !findings.mistakes.is_empty() {
        return Err(Failure::Lint { mistakes: count(findings.mistakes.len(), "mistake"), files });
    }
    if findings.checks == 0 {
        return Err(Failure::NoChecks { files });
    }
    out::text(&format!("{} read from {files}, no mistakes\n", count(findings.checks, "check")));
    Ok(ExitStatus::Success)
}
