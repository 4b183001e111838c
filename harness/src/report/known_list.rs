//! `--write-known`: a list of known deviations that is made of a run's failures, for a person to complete.
//!
//! Each entry has an empty reason. `rct conform --known` refuses such an entry, so nobody accepts a failure unread.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use suites::ServerRange;

use crate::record::{CheckRecord, Event, Record, ReportError, Reporter, Verdict};
use crate::text::{clip_bytes, count, printable, push};

/// The most bytes of one comment, which is one line.
const COMMENT_LIMIT_BYTES: usize = 200;

/// Writes the list once the run has ended.
pub struct KnownList {
    path: PathBuf,
}

impl KnownList {
    /// Returns a reporter that creates the file `path`. It never replaces a file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Reporter for KnownList {
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError> {
        let Event::RunFinished { .. } = event else { return Ok(()) };
        let file = OpenOptions::new().write(true).create_new(true).open(&self.path);
        let written = file.and_then(|mut file| file.write_all(render(record).as_bytes()));
        written.map_err(|source| ReportError::write(&self.path, source))
    }
}

/// Returns the list of a run's failures.
pub fn render(record: &Record) -> String {
    let failures: Vec<&CheckRecord> = record.with_verdict(Verdict::Fail).collect();
    let mut list = String::new();
    match failures.len() {
        0 => push(&mut list, format_args!("# No check failed in the run of {}.\n", record.started)),
        number => push(
            &mut list,
            format_args!(
                "# The run of {} had {}. Write a reason into each entry; rct refuses one without.\n",
                record.started,
                count(number, "failure"),
            ),
        ),
    }
    failures.iter().for_each(|check| entry(&mut list, record, check));
    list
}

fn entry(list: &mut String, record: &Record, check: &CheckRecord) {
    list.push('\n');
    let mut comment = |text: &str| {
        push(list, format_args!("# {}\n", printable(&clip_bytes(text, COMMENT_LIMIT_BYTES))));
    };
    comment(&check.title);
    if let Some(failure) = &check.failure {
        let node = failure.to.as_ref().map_or(String::new(), |node| format!("  to {node}"));
        if let Some(sent) = &failure.sent {
            comment(&format!("  sent      {sent}{node}"));
        }
        comment(&format!("  expected  {}", failure.expected));
        comment(&format!("  received  {}", failure.received));
    }
    push(list, format_args!("[[known]]\ncheck = \"{}\"\n", check.id));
    if let Some(range) = servers(record) {
        push(list, format_args!("servers = [\"{range}\"]\n"));
    }
    list.push_str("reason = \"\"\n");
}

/// Returns the range that an entry gets: the product of the run from its version on. A later release that keeps the rule
/// then makes the entry stale, which a user should know. `None` if the server does not say what it is.
fn servers(record: &Record) -> Option<ServerRange> {
    // The oldest server comes first, and rct looks entries up for that one.
    let server = record.target.servers.first()?;
    let is_known = server.product != "unknown" && server.version.starts_with(|first: char| first.is_ascii_digit());
    is_known.then(|| format!("{} >={}", server.product, server.version).parse().ok())?
}
