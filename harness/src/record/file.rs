//! `run.json` as a file: written so that no reader sees half of it, and read back with care.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ReportError;
use super::layout::{RUN_FILE, SCHEMA};
use super::load::{KIND, LoadRecord};
use super::run::Record;
use crate::text::{clip_bytes, printable};

/// The most bytes of a `run.json` that is read back.
const RUN_FILE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// The most bytes of a message about what is wrong with a file.
const PROBLEM_LIMIT_BYTES: usize = 480;

/// The record of a run that was read back: the content of `run.json`.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "Run")]
pub enum AnyRecord {
    /// Of `rct conform`.
    Conform(Box<Record>),
    /// Of `rct load`.
    Load(Box<LoadRecord>),
}

impl AnyRecord {
    /// Reads the record of a run of either kind: its folder, or its `run.json`.
    ///
    /// # Errors
    ///
    /// As [`Record::load`].
    pub fn load(path: &Path) -> Result<Self, ReportError> {
        let (path, text) = text_of(path)?;
        let header: Header = serde_json::from_str(&text).map_err(|error| not_a_run(&path, &error))?;
        if header.kind != KIND {
            return Record::load(&path).map(|record| Self::Conform(Box::new(record)));
        }
        serde_json::from_str(&text).map(|record| Self::Load(Box::new(record))).map_err(|error| not_a_run(&path, &error))
    }
}

impl Record {
    /// Reads the record of a run: its folder, or its `run.json`.
    ///
    /// # Errors
    ///
    /// When there is no such file, when it is no record of a run, or when its schema is not [`SCHEMA`].
    pub fn load(path: &Path) -> Result<Self, ReportError> {
        let (path, text) = text_of(path)?;
        let mut record: Self = serde_json::from_str(&text).map_err(|error| not_a_run(&path, &error))?;
        record.checks.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(record)
    }
}

/// Returns the folder of the run in `results` that started last; `None` if there is no run.
pub fn latest_run(results: &Path) -> Option<PathBuf> {
    // The names begin with the start of the run, so that their order is the order of the runs.
    let folders = fs::read_dir(results).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let runs = folders.filter(|path| path.join(RUN_FILE).is_file());
    runs.max_by(|one, other| one.file_name().cmp(&other.file_name()))
}

/// What must be read before the rest can be.
#[derive(Deserialize)]
struct Header {
    schema: u64,
    #[serde(default)]
    kind: String,
}

/// The text of a record whose schema this build reads, and its file.
fn text_of(path: &Path) -> Result<(PathBuf, String), ReportError> {
    let path = if path.is_dir() { path.join(RUN_FILE) } else { path.to_owned() };
    let text = read(&path).map_err(|source| ReportError::Read { path: path.clone(), source })?;
    if !text.trim_start().starts_with('{') {
        return Err(ReportError::NotARun { path, problem: "it holds no JSON object".to_owned() });
    }
    let header: Header = serde_json::from_str(&text).map_err(|error| not_a_run(&path, &error))?;
    if header.schema != u64::from(SCHEMA) {
        return Err(ReportError::Schema { path, found: header.schema, known: SCHEMA });
    }
    Ok((path, text))
}

fn not_a_run(path: &Path, error: &serde_json::Error) -> ReportError {
    let problem = printable(clip_bytes(&error.to_string(), PROBLEM_LIMIT_BYTES).as_ref()).into_owned();
    ReportError::NotARun { path: path.to_owned(), problem }
}

/// Reads a regular file of bounded size; a pipe or a device would never end.
fn read(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > RUN_FILE_LIMIT_BYTES {
        return Err(io::Error::other(format!("it is longer than {RUN_FILE_LIMIT_BYTES} bytes")));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(RUN_FILE_LIMIT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Returns the content of `run.json`.
///
/// # Errors
///
/// When a number is not finite; records hold none of those.
pub fn to_json(record: &impl Serialize) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(record).map_err(|error| ReportError::Output(error.into()))?;
    text.push('\n');
    Ok(text)
}

/// Writes a file so that a reader sees the old content or the new, and never half of it.
pub fn replace(path: &Path, content: &str) -> Result<(), ReportError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| ReportError::write(path, source))
}
