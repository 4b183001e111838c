//! The lines below the status line of a check that did not pass: what rct saw, and how to see it again.

use std::path::Path;

use super::paint::Paint;
use super::style::Style;
use crate::record::{CheckRecord, Record, Verdict};
use crate::report::digest;
use crate::text::{pad, printable, printable_lines, wrap_columns};

/// The most lines that one text of a block takes; the transcript has the rest.
const LINES_LIMIT: usize = 12;

const INDENT: &str = "         ";
const LABEL_COLUMNS: usize = 8;

/// Returns whether a verdict needs more than a line.
pub(super) fn is_due(check: &CheckRecord) -> bool {
    match check.verdict {
        Verdict::Fail | Verdict::Broken | Verdict::Stale | Verdict::Flaky => true,
        Verdict::Pass | Verdict::Skip | Verdict::Known => false,
    }
}

/// Returns the lines of the block, without line ends.
pub(super) fn block(check: &CheckRecord, record: &Record, folder: Option<&Path>, style: Style) -> Vec<String> {
    let paint = Paint { enabled: style.colour };
    let mut lines = wrapped(INDENT, "", &check.title, style);
    lines.extend(digest::place(check).map(|place| format!("{INDENT}{}", printable(&place))));
    for (label, text) in digest::evidence(check) {
        lines.extend(wrapped(&format!("{INDENT}  "), label, &text, style));
    }
    // Commands and paths are there to be copied, so they are never cut or wrapped.
    let path = check.transcript.as_ref().map(|transcript| match folder {
        Some(folder) => folder.join(transcript).to_string_lossy().into_owned(),
        None => transcript.clone(),
    });
    for (label, text) in [("again", Some(digest::again(record, [check]))), ("evidence", path)] {
        let line = text.map(|text| format!("{INDENT}{}  {}", pad(label, LABEL_COLUMNS), printable(&text)));
        lines.extend(line.map(|line| paint.faint(&line)));
    }
    lines
}

/// Returns a text beside its label, wrapped to the width of the screen; further lines start below the first.
fn wrapped(indent: &str, label: &str, text: &str, style: Style) -> Vec<String> {
    let first = if label.is_empty() { indent.to_owned() } else { format!("{indent}{}  ", pad(label, LABEL_COLUMNS)) };
    let further = " ".repeat(first.len());
    let room = style.columns.saturating_sub(first.len());
    let lines = printable_lines(text, LINES_LIMIT).into_iter().flat_map(|line| wrap_columns(&line, room, LINES_LIMIT));
    let starts = std::iter::once(&first).chain(std::iter::repeat(&further));
    starts.zip(lines.take(LINES_LIMIT + 1)).map(|(start, line)| format!("{start}{line}")).collect()
}
