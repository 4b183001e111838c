//! The folder of a run: where its record, its reports and its transcripts are written, and read back.
//!
//! ```text
//! results/2026-08-22T10-14-03Z-local/
//!     run.json   junit.xml   summary.md   report.html   transcripts/redirect.moved-from-non-owner.txt
//! ```
//!
//! It is written as the run goes, so that a run that is killed leaves what it knew.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;

use crate::report::error::ReportError;
use crate::report::load::{LOAD, LoadRecord};
use crate::report::record::{Record, SCHEMA};
use crate::report::text::{clip_bytes, printable};
use crate::report::{html, json, junit, markdown};
use crate::runner::event::{Event, Reporter};

/// The file that holds the record.
pub const RUN_FILE: &str = "run.json";

/// The least time between two writings of `run.json` while the run goes.
const SAVE_INTERVAL: Duration = Duration::from_millis(250);

/// The most runs of one target that may start within one second.
const SAME_SECOND_LIMIT: u32 = 1000;

/// The most bytes of a name that was made from a target or an id.
const NAME_LIMIT_BYTES: usize = 120;

/// The most bytes of a `run.json` that is read back.
const RUN_FILE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// The most bytes of one transcript; the rest is cut and counted.
const TRANSCRIPT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A run's folder, written as events come.
pub struct RunFolder {
    path: PathBuf,
    saved: Option<Instant>,
}

impl RunFolder {
    /// Makes the folder of a run within `out`, named by the run's start and its target.
    ///
    /// Two runs never share a folder: the second of the same second and target gets a number.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn create(out: &Path, started: Timestamp, target: &str) -> Result<Self, ReportError> {
        let name = format!("{}-{}", started.strftime("%Y-%m-%dT%H-%M-%SZ"), target_name(target));
        fs::create_dir_all(out).map_err(|source| write_error(out, source))?;
        let mut path = out.join(&name);
        for number in 2..=SAME_SECOND_LIMIT {
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, saved: None }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    path = out.join(format!("{name}-{number}"))
                }
                Err(source) => return Err(write_error(&path, source)),
            }
        }
        Err(write_error(&path, io::ErrorKind::AlreadyExists.into()))
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn save(&mut self, record: &Record) -> Result<(), ReportError> {
        self.saved = Some(Instant::now());
        replace(&self.path.join(RUN_FILE), &json::render(record)?)
    }

    fn is_due(&self) -> bool {
        self.saved.is_none_or(|saved| saved.elapsed() >= SAVE_INTERVAL)
    }

    fn save_transcript(&self, id: &str, text: &str) -> Result<(), ReportError> {
        let path = self.path.join(transcript_path(id));
        let folder = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder).map_err(|source| write_error(folder, source))?;
        replace(&path, &clip_bytes(text, TRANSCRIPT_LIMIT_BYTES))
    }
}

impl Reporter for RunFolder {
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError> {
        match event {
            Event::CheckFinished { check, transcript } => {
                let text = transcript.as_ref().filter(|_| !check.verdict.is_pass());
                let kept = text.map_or(Ok(()), |text| self.save_transcript(&check.id, text));
                // The record matters more than one transcript: it is written whatever became of that.
                let saved = if self.is_due() { self.save(record) } else { Ok(()) };
                kept.and(saved)
            }
            Event::Interrupted | Event::RunFinished { .. } => {
                self.saved = Some(Instant::now());
                write_reports(&self.path, record)
            }
            _ if self.is_due() => self.save(record),
            _ => Ok(()),
        }
    }
}

/// Writes `run.json` and every report that is a function of it into a folder.
///
/// # Errors
///
/// The first file that could not be written; the others are written all the same.
pub fn write_reports(folder: &Path, record: &Record) -> Result<(), ReportError> {
    let files = [
        (RUN_FILE, json::render(record)),
        ("junit.xml", junit::render(record)),
        ("summary.md", Ok(markdown::render(record))),
        ("report.html", Ok(html::render(record))),
    ];
    let written = files.into_iter().map(|(name, content)| replace(&folder.join(name), &content?));
    written.fold(Ok(()), Result::and)
}

/// Returns the path of a check's transcript within the run's folder.
pub fn transcript_path(id: &str) -> String {
    format!("transcripts/{}.txt", file_name(&id.replace('/', "."), id))
}

/// The record of a run that was read back.
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
        if header.kind != LOAD {
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
    let problem = printable(clip_bytes(&error.to_string(), NAME_LIMIT_BYTES * 4).as_ref()).into_owned();
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

/// Writes a file so that a reader sees the old content or the new, and never half of it.
pub(crate) fn replace(path: &Path, content: &str) -> Result<(), ReportError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: io::Error) -> ReportError {
    ReportError::Write { path: path.to_owned(), source }
}

/// Returns a target as part of a folder's name, without what stands before an address: a password may be there.
fn target_name(target: &str) -> String {
    let address = target.rsplit(['@', '/']).next().unwrap_or_default();
    let name = file_name(&address.replace([':', ','], "-"), address);
    if name.is_empty() { "target".to_owned() } else { name }
}

/// Returns `wanted` if it can be the name of a file everywhere, or else something like it that is `whole`'s alone.
fn file_name(wanted: &str, whole: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let name: Cow<'_, str> = wanted.chars().map(|character| if is_safe(character) { character } else { '_' }).collect();
    if name == wanted && name.len() <= NAME_LIMIT_BYTES {
        return name.into_owned();
    }
    let start: String = name.chars().take(NAME_LIMIT_BYTES).collect();
    format!("{start}-{:08x}", fingerprint(whole))
}

/// FNV-1a: short, and the same on every machine and in every version.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
