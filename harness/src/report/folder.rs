//! The folder of a conformance run, written while the run goes: a run that is killed leaves what it knew.
//!
//! [`crate::record::layout`] says what the folder holds, and [`crate::record::file`] reads it back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{html, junit, markdown};
use crate::record::error::ReportError;
use crate::record::event::Event;
use crate::record::event_line::Reporter;
use crate::record::file::{replace, to_json};
use crate::record::layout::{RUN_FILE, folder_name, transcript_path};
use crate::record::run::Record;
use crate::text::clip_bytes;

/// The least time between two writings of `run.json` while the run goes.
const SAVE_INTERVAL: Duration = Duration::from_millis(250);

/// The most runs of one target that may start within one second.
const SAME_SECOND_LIMIT: u32 = 1000;

/// The most bytes of one transcript; the rest is cut and counted.
const TRANSCRIPT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A run's folder, written as events come.
pub struct RunFolder {
    path: PathBuf,
    saved: Option<Instant>,
}

impl RunFolder {
    /// Makes the folder of a run as [`create_folder`] does, and returns the reporter that writes into it.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn create(out: &Path, started: Timestamp, target: &str) -> Result<Self, ReportError> {
        Ok(Self { path: create_folder(out, started, target)?, saved: None })
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn save(&mut self, record: &Record) -> Result<(), ReportError> {
        self.saved = Some(Instant::now());
        replace(&self.path.join(RUN_FILE), &to_json(record)?)
    }

    fn is_due(&self) -> bool {
        self.saved.is_none_or(|saved| saved.elapsed() >= SAVE_INTERVAL)
    }

    fn save_transcript(&self, id: &str, text: &str) -> Result<(), ReportError> {
        let path = self.path.join(transcript_path(id));
        let folder = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder).map_err(|source| ReportError::write(folder, source))?;
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

/// Makes the folder of a run within `out`, named by the run's start and its target.
///
/// Two runs never share a folder: the second of the same second and target gets a number.
///
/// # Errors
///
/// When the folder cannot be made.
pub fn create_folder(out: &Path, started: Timestamp, target: &str) -> Result<PathBuf, ReportError> {
    let name = folder_name(started, target);
    fs::create_dir_all(out).map_err(|source| ReportError::write(out, source))?;
    let mut path = out.join(&name);
    for number in 2..=SAME_SECOND_LIMIT {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => path = out.join(format!("{name}-{number}")),
            Err(source) => return Err(ReportError::write(&path, source)),
        }
    }
    Err(ReportError::write(&path, io::ErrorKind::AlreadyExists.into()))
}

/// Writes `run.json` and every report that is a function of it into a folder.
///
/// # Errors
///
/// The first file that could not be written; the others are written all the same.
pub fn write_reports(folder: &Path, record: &Record) -> Result<(), ReportError> {
    let files = [
        (RUN_FILE, to_json(record)),
        ("junit.xml", junit::render(record)),
        ("summary.md", Ok(markdown::render(record))),
        ("report.html", Ok(html::render(record, Some(folder)))),
    ];
    let written = files.into_iter().map(|(name, content)| replace(&folder.join(name), &content?));
    written.fold(Ok(()), Result::and)
}
