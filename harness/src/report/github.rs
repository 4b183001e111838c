//! What rct tells GitHub by itself: an annotation for each failure, and the summary of the job.
//!
//! GitHub sets `GITHUB_ACTIONS` and `GITHUB_STEP_SUMMARY` in its jobs. It reads annotations from both outputs, and rct
//! writes them to stderr, so that stdout keeps its format.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{digest, load, markdown};
use crate::record::{
    CheckRecord, Event, GateRecord, GateVerdict, LoadEvent, LoadRecord, LoadReporter, Record, ReportError, Reporter,
};
use crate::text::{clip_bytes, count, printable, push};

/// The most annotations of one kind that GitHub shows for a step.
const ANNOTATIONS: usize = 10;

/// The most bytes of one annotation.
const ANNOTATION_LIMIT_BYTES: usize = 2048;

/// Tells GitHub how a run ended.
pub struct GitHub<W> {
    out: Option<W>,
    summary: Option<PathBuf>,
}

impl<W: Write> GitHub<W> {
    /// Returns a reporter that writes annotations to `out` and adds the summary to a file, as the variables of the
    /// environment ask for it; `None` outside a job of GitHub.
    pub fn of_job(out: W, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let out = variable("GITHUB_ACTIONS").filter(|value| value == "true").map(|_| out);
        let summary = variable("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from);
        (out.is_some() || summary.is_some()).then_some(Self { out, summary })
    }

    fn tell(&mut self, annotations: &str, page: &str) -> Result<(), ReportError> {
        if let Some(out) = &mut self.out {
            out.write_all(annotations.as_bytes())?;
            out.flush()?;
        }
        match &self.summary {
            Some(path) => append(path, page).map_err(|source| ReportError::write(path, source)),
            None => Ok(()),
        }
    }
}

impl<W: Write> Reporter for GitHub<W> {
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError> {
        match event {
            Event::RunFinished { .. } => self.tell(&annotations(record), &markdown::render(record)),
            _ => Ok(()),
        }
    }
}

impl<W: Write> LoadReporter for GitHub<W> {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::RunFinished => self.tell(&load_annotations(record), &load::markdown::render(record)),
            _ => Ok(()),
        }
    }
}

/// Adds a page to the summary, to which other steps may have added already.
fn append(path: &Path, page: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(page.as_bytes())
}

/// Returns an annotation for each check that did not end as expected, and one that counts the rest.
pub fn annotations(record: &Record) -> String {
    let checks = digest::notable(record);
    let mut text = String::new();
    for check in checks.iter().take(shown(checks.len())) {
        let is_error = record.is_failing(check) || check.verdict == crate::record::Verdict::Broken;
        let title = format!("{} {}", check.verdict.word(), check.id);
        annotation(&mut text, is_error, file(check).as_deref(), &title, &message(check));
    }
    let rest = checks.len() - shown(checks.len());
    if rest > 0 {
        let message =
            format!("{} more did not end as expected; the summary of the job lists them", count(rest, "check"));
        annotation(&mut text, true, None, "rct conform", &message);
    }
    if let Some(problem) = &record.problem {
        annotation(&mut text, true, None, "rct conform", problem);
    }
    text
}

/// How many annotations name a failure of their own, out of `all`: the last one counts the rest.
fn shown(all: usize) -> usize {
    if all > ANNOTATIONS { ANNOTATIONS - 1 } else { all }
}

fn message(check: &CheckRecord) -> String {
    let mut lines = vec![check.title.clone()];
    lines.extend(digest::evidence(check).iter().map(|(label, text)| format!("{label}: {text}")));
    lines.join("\n")
}

/// The place of a check in a file that is here, such as a suite of the user's own.
fn file(check: &CheckRecord) -> Option<String> {
    let source = check.source.as_ref().filter(|source| Path::new(&source.file).is_file())?;
    Some(format!("file={},line={},", property(&source.file), source.line))
}

/// Returns an annotation for each gate that the load run did not pass, and for whatever ended it early.
pub fn load_annotations(record: &LoadRecord) -> String {
    let mut text = String::new();
    let missed: Vec<&GateRecord> =
        record.gates.iter().filter(|gate| gate.verdict != GateVerdict::Passed).take(ANNOTATIONS - 2).collect();
    for gate in missed {
        let sentences = load::gates::problems(std::slice::from_ref(gate));
        annotation(&mut text, true, None, "rct load", &sentences.collect::<Vec<_>>().join("; "));
    }
    for why in record.load.iter().filter(|report| !report.valid).flat_map(|report| &report.invalid_because).take(1) {
        annotation(&mut text, false, None, "rct load: the run is not valid", why);
    }
    if let Some(problem) = &record.problem {
        annotation(&mut text, true, None, "rct load", problem);
    }
    text
}

fn annotation(text: &mut String, is_error: bool, file: Option<&str>, title: &str, message: &str) {
    let kind = if is_error { "error" } else { "warning" };
    let (file, title) = (file.unwrap_or_default(), property(title));
    let lines: Vec<_> = message.lines().map(printable).collect();
    let message = data(&clip_bytes(&lines.join("\n"), ANNOTATION_LIMIT_BYTES));
    push(text, format_args!("::{kind} {file}title={title}::{message}\n"));
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(&printable(text)).replace(':', "%3A").replace(',', "%2C")
}
