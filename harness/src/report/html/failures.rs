//! The failures of a run, opened: what rct saw, the rule, the command that repeats it, and the transcript.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use maud::{Markup, html};

use crate::record::{CheckRecord, Record};
use crate::report::page::{Room, badge, link_to, sign};
use crate::report::{digest, rule};
use crate::text::{count, printable};

/// The most failures that are shown opened; the list of all checks has the others.
const SHOWN_LIMIT: usize = 100;

/// More failures than this get a list of links.
const INDEX_LEAST: usize = 3;

/// The most words of a received text in which differences are marked.
const MARKED_MOST: usize = 60;

/// Returns the checks that this section shows.
pub(super) fn shown(record: &Record) -> Vec<&CheckRecord> {
    let mut checks = digest::notable(record);
    checks.truncate(SHOWN_LIMIT);
    checks
}

/// Returns the sections of all checks that a reader must see: those that fail the run, and below them the others.
pub(super) fn section(record: &Record, folder: Option<&Path>, room: &Room) -> Markup {
    let (tolerated, failing): (Vec<_>, Vec<_>) =
        digest::notable(record).into_iter().partition(|check| digest::is_tolerated(record, check));
    let shown = failing.len().min(SHOWN_LIMIT);
    html! {
        section #failures {
            @if failing.is_empty() {
                h2 { "No failures" }
            } @else {
                h2 { (count(failing.len(), "check")) " did not end as expected" }
                (index(&failing))
                @for check in failing.iter().take(SHOWN_LIMIT) { (article(record, check, folder, room)) }
                (left_out(failing.len() - shown))
            }
        }
        @if !tolerated.is_empty() {
            section #tolerated {
                h2 { (count(tolerated.len(), "failure")) " below level " (record.level.name()) }
                p.note { "These do not fail the run. With a lower --level they would." }
                (index(&tolerated))
                @for check in tolerated.iter().take(SHOWN_LIMIT - shown) { (article(record, check, folder, room)) }
                (left_out(tolerated.len().saturating_sub(SHOWN_LIMIT - shown)))
            }
        }
    }
}

/// Links to the failures of a section, if they are more than a screen shows.
fn index(checks: &[&CheckRecord]) -> Markup {
    html! {
        @if checks.len() > INDEX_LEAST {
            ul.index {
                @for check in checks {
                    li { a href={ "#" (printable(&check.id)) } { (sign(check.verdict)) " " (printable(&check.id)) } }
                }
            }
        }
    }
}

fn left_out(number: usize) -> Markup {
    html! {
        @if number > 0 {
            p.note { (number) " more are in the list of " a href="#checks" { "all checks" } "." }
        }
    }
}

fn article(record: &Record, check: &CheckRecord, folder: Option<&Path>, room: &Room) -> Markup {
    let weight = if digest::is_tolerated(record, check) { "tolerated" } else { "" };
    html! {
        article class={ "failure " (check.verdict.name()) " " (weight) } id=(printable(&check.id)) {
            h3 {
                (badge(check.verdict)) " " code { (printable(&check.id)) }
                " " span.level { (check.level.name()) } " " (link_to(&check.id))
            }
            p.title { (room.line(&check.title)) }
            dl.rows {
                @for (label, text) in digest::evidence(check) {
                    dt { (label) }
                    dd class=(label) {
                        pre {
                            @match (label, &check.failure) {
                                ("received", Some(failure)) => { (marked(&failure.expected, &text, room)) }
                                _ => { (room.lines(&text)) }
                            }
                        }
                    }
                }
                (origin(check))
                dt { "again" }
                dd.again {
                    pre.command { (printable(&digest::again(record, [check]))) }
                    button.copy type="button" title="Copy the command" { "Copy" }
                }
                (transcript(check, folder, room))
            }
        }
    }
}

/// A received text. Where it is much like the expected one, the words that were not expected are marked.
fn marked(expected: &str, received: &str, room: &Room) -> Markup {
    let plain = |word: &str| word.trim_matches([',', ';']).to_owned();
    let known: BTreeSet<String> = expected.split_whitespace().map(plain).collect();
    let words: Vec<&str> = received.split_whitespace().collect();
    let alike = words.iter().filter(|word| known.contains(&plain(word))).count();
    if received.contains('\n') || alike * 2 < words.len() || alike == words.len() || words.len() > MARKED_MOST {
        return room.lines(received);
    }
    html! {
        @for word in words {
            @if known.contains(&plain(word)) { (room.line(word)) } @else { mark { (room.line(word)) } } " "
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
