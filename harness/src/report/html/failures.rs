//! The failures of a run, opened: what rct saw, the rule, the command that repeats it, and the transcript.

use std::fs;
use std::path::{Component, Path};

use maud::{Markup, html};

use crate::record::{CheckRecord, Record, Verdict};
use crate::report::page::{Room, badge};
use crate::report::{digest, rule};
use crate::text::{count, printable};

/// The most failures that are shown opened; the list of all checks has the others.
const SHOWN_LIMIT: usize = 100;

/// Returns the checks that this section shows.
pub(super) fn shown(record: &Record) -> Vec<&CheckRecord> {
    let mut checks = digest::notable(record);
    checks.truncate(SHOWN_LIMIT);
    checks
}

/// Returns the section of all checks that a reader must see, those that fail the run first.
pub(super) fn section(record: &Record, folder: Option<&Path>, room: &Room) -> Markup {
    let checks = digest::notable(record);
    let failing = checks.iter().filter(|check| record.is_failing(check)).count();
    html! {
        section #failures {
            @if checks.is_empty() {
                h2 { "No failures" }
            } @else {
                h2 { (count(checks.len(), "check")) " did not end as expected" }
                @if failing < checks.len() {
                    p.note { (failing) " of them " (if failing == 1 { "fails" } else { "fail" }) " the run." }
                }
                @for check in shown(record) { (article(record, check, folder, room)) }
                @if checks.len() > SHOWN_LIMIT {
                    p.note { (checks.len() - SHOWN_LIMIT) " more are in the list of " a href="#checks" { "all checks" } "." }
                }
            }
        }
    }
}

fn article(record: &Record, check: &CheckRecord, folder: Option<&Path>, room: &Room) -> Markup {
    html! {
        article class={ "failure " (check.verdict.name()) } id=(printable(&check.id)) {
            h3 {
                (badge(check.verdict)) " " code { (printable(&check.id)) }
                " " span.level { (check.level.name()) }
            }
            p.title { (room.line(&check.title)) }
            @if check.verdict == Verdict::Fail && !record.is_failing(check) {
                p.note { "Below the level " (record.level.name()) ": this does not fail the run." }
            }
            dl.rows {
                @for (label, text) in digest::evidence(check) {
                    dt { (label) } dd class=(label) { pre { (room.lines(&text)) } }
                }
                (origin(check))
                dt { "again" } dd { pre.command { (printable(&digest::again(record, [check]))) } }
                (transcript(check, folder, room))
            }
        }
    }
}

/// Where the rule and the check are written.
pub(super) fn origin(check: &CheckRecord) -> Markup {
    let spec = check.spec.as_deref().filter(|spec| !spec.is_empty());
    html! {
        @if let Some(spec) = spec {
            dt { "rule" }
            dd {
                @match rule::link(spec) {
                    Some(address) => { a href=(address) rel="noreferrer" { (printable(spec)) } }
                    None => { (printable(spec)) }
                }
            }
        }
        @if let Some(place) = digest::place(check) { dt { "check" } dd { (printable(&place)) } }
    }
}

/// The commands and replies of a check, folded, and a link to the file.
fn transcript(check: &CheckRecord, folder: Option<&Path>, room: &Room) -> Markup {
    // A path of our own making leads to the file; any other in a record that was read back could lead anywhere.
    let Some(path) = check.transcript.as_deref().filter(|path| is_transcript(path)) else { return html! {} };
    let text = folder.and_then(|folder| fs::read_to_string(folder.join(path)).ok());
    html! {
        dt { "transcript" }
        dd {
            a href=(printable(path)) { (printable(path)) }
            @if let Some(text) = text {
                details.transcript { summary { "Show it here" } pre { (room.lines(&text)) } }
            }
        }
    }
}

/// Whether a path names a file directly in the folder of transcripts.
fn is_transcript(path: &str) -> bool {
    let parts: Vec<_> = Path::new(path).components().collect();
    matches!(parts[..], [Component::Normal(folder), Component::Normal(_)] if folder == "transcripts")
}
