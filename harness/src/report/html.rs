//! `report.html`: the run as one page without other files.
//!
//! From top to bottom: the verdict and what ran where; each failure with its evidence; a map with a cell for each check;
//! why checks were skipped; measured times; all checks by suite; how the run was made.

mod charts;
mod checks;
mod failures;
mod map;

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
            (page::facts(&[
                ("server", digest::servers(record)),
                ("target", digest::target(record)),
                ("started", record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
                ("took", format!("{}, {}", digest::seconds(record.duration_s), count(record.checks.len(), "check"))),
                ("ran on", record.host.as_ref().map(host_sentence).unwrap_or_default()),
                ("seed", record.seed.to_string()),
                ("exit status", record.exit_status.map(|status| status.to_string()).unwrap_or_default()),
            ]))
            @for warning in &record.warnings {
                p.warning { strong { "Warning" } " " (printable(warning)) }
            }
        }
    }
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
