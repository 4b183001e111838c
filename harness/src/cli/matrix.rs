//! `rct matrix`: compares products and versions check by check, and publishes runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::Matrix;
use super::failure::Failure;
use super::out;
use crate::record::file::{replace, to_json};
use crate::record::{AnyRecord, ExitStatus, Record, ReportError};
use crate::report::matrix::{self, Run, publish};
use crate::text::count;

/// The page without `--out`.
const PAGE: &str = "matrix.html";

/// Writes the page, the copies, or both.
pub(super) fn run(arguments: &Matrix) -> Result<ExitStatus, Failure> {
    let mut runs = Vec::new();
    for path in &arguments.run {
        match AnyRecord::load(path)? {
            AnyRecord::Conform(record) => runs.push((path, *record)),
            AnyRecord::Load(_) => return Err(Failure::LoadInMatrix { path: path.clone() }),
        }
    }
    if let Some(folder) = &arguments.publish {
        fs::create_dir_all(folder).map_err(|source| ReportError::write(folder, source))?;
        for (name, record) in publish::all(runs.iter().map(|(_, record)| record)) {
            let path = folder.join(name);
            replace(&path, &to_json(&record)?)?;
            out::text(&format!("{}\n", path.display()));
        }
    }
    let page = arguments.out.clone().or_else(|| arguments.publish.is_none().then(|| PathBuf::from(PAGE)));
    if let Some(page) = page {
        let columns = runs.into_iter().map(|(path, record)| column(path, record, &page)).collect();
        let number = arguments.run.len();
        replace(&page, &matrix::render(columns))?;
        out::text(&format!("{}: {}\n", page.display(), count(number, "run")));
    }
    Ok(ExitStatus::Success)
}

/// The run with the place of its own page, if that lies below the folder of the matrix, so that the link stays right
/// when both move.
fn column(path: &Path, record: Record, page: &Path) -> Run {
    let report = path.join("report.html");
    let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let within = || {
        let report = report.canonicalize().ok()?;
        Some(report.strip_prefix(folder.canonicalize().ok()?).ok()?.to_string_lossy().into_owned())
    };
    Run { record, report: if report.is_file() { within() } else { None } }
}
