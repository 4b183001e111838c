//! `report.html`: the run as one page without other files.
//!
//! From top to bottom: the verdict and what ran where; each failure with its evidence; a map with a cell for each check;
//! why checks were skipped; measured times; all checks by suite; what the words mean; how the run was made.

mod charts;
mod checks;
mod failures;
mod map;
mod words;

use std::path::Path;

use maud::{Markup, html};

use super::causes;
use super::digest::{self, Headline};
use super::page::{self, Room, how};
use super::place::host_sentence;
use crate::record::{Record, Verdict};
use crate::text::{count, printable};

/// Returns the content of `report.html`. The transcripts of failures come from the run's folder, if there is one.
pub fn render(record: &Record, folder: Option<&Path>) -> String {
    let headline = digest::headline(record);
    let room = Room::default();
    let failures = failures::section(record, folder, &room);
    let content = html! {
        (head(record, &headline))
        main {
            @for line in causes::lines(record) { p.note { (printable(&line)) } }
            (failures)
            (map::section(record))
            (reasons(record, Verdict::Known, "known", "Known deviations", &room))
            (reasons(record, Verdict::Skip, "skipped", "Skipped", &room))
            (not_reached(record))
            (charts::section(record))
            (checks::section(record, &room))
            (words::section())
            (how::section(&record.command, &record.rct, record.host.as_ref(), &record.target, &room))
        }
    };
    page::document(&format!("rct conform: {} {}", headline.word, digest::servers(record)), "conform", &content)
}

fn head(record: &Record, headline: &Headline) -> Markup {
    let tone = headline.tone;
    html! {
        header class=(tone.name()) {
            p.kicker { "rct conform" }
            h1 {
                span class={ "badge " (tone.name()) } { (page::sign(tone)) " " (headline.word) }
                " " span.sentence { (printable(&headline.sentence)) }
            }
            (shares(record))
            (page::facts(&[
                ("server", digest::servers(record)),
                ("target", digest::target_in_words(record)),
                ("started", record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
                ("took", digest::seconds(record.duration_s)),
                ("seed", record.seed.to_string()),
                ("exit status", record.exit_status.map(|status| status.to_string()).unwrap_or_default()),
                ("ran on", record.host.as_ref().map(host_sentence).unwrap_or_default()),
            ]))
            (contents(record))
            @for warning in &record.warnings {
                p.warning { strong { "Warning" } " " (printable(warning)) }
            }
        }
    }
}

/// How many checks ended with each verdict, as a bar and in numbers.
fn shares(record: &Record) -> Markup {
    let counts: Vec<_> = digest::columns(record).into_iter().map(|it| (it, record.counts.with(it))).collect();
    html! {
        @if !record.checks.is_empty() {
            div.shares aria-hidden="true" {
                @for (verdict, number) in &counts {
                    @if *number > 0 { i class=(verdict.name()) style={ "flex-grow:" (number) } {} }
                }
            }
            p.verdicts {
                @for (verdict, number) in &counts {
                    span title=(page::meaning(*verdict)) { (page::badge(*verdict)) " " strong { (number) } } " "
                }
            }
        }
    }
}

fn contents(record: &Record) -> Markup {
    let notable = digest::notable(record);
    let below = notable.iter().filter(|check| digest::is_tolerated(record, check)).count();
    let named = |number: usize, name: &str| if number > 0 { format!("{name} ({number})") } else { String::new() };
    let is_measured = record.checks.iter().any(|check| !check.measured.is_empty());
    page::contents(&[
        ("failures", named(notable.len() - below, "failures")),
        ("tolerated", named(below, &format!("below level {}", record.level.name()))),
        ("map", "all suites".to_owned()),
        ("known", named(record.counts.known, "known deviations")),
        ("skipped", named(record.counts.skip, "skipped")),
        ("measured", if is_measured { "measured times".to_owned() } else { String::new() }),
        ("slowest", "slowest checks".to_owned()),
        ("checks", named(record.checks.len(), "all checks")),
        ("words", "words".to_owned()),
        ("how", "how it ran".to_owned()),
    ])
}

/// The reasons of the checks with a verdict, each with its checks.
fn reasons(record: &Record, verdict: Verdict, id: &str, title: &str, room: &Room) -> Markup {
    let reasons = digest::reasons(record, verdict);
    html! {
        @if !reasons.is_empty() {
            section id=(id) {
                h2 { (title) " " span.number { (record.counts.with(verdict)) } }
                ul.reasons {
                    @for reason in &reasons {
                        li {
                            span.reason { (room.lines(reason.text)) }
                            " " span.ids { @for id in &reason.ids { a href={ "#" (printable(id)) } { (printable(id)) } " " } }
                        }
                    }
                }
            }
        }
    }
}

fn not_reached(record: &Record) -> Markup {
    html! {
        @if !record.not_run.is_empty() {
            section #not-reached {
                h2 { (count(record.not_run.len(), "check")) " not reached" }
                p.ids { @for id in &record.not_run { code { (printable(id)) } " " } }
            }
        }
    }
}
