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
use super::page::{self, Room};
use super::place::{host_details, host_sentence, server_details};
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
            (how(record, &room))
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
            dl.facts {
                (fact("server", &digest::servers(record)))
                (fact("target", &digest::target(record)))
                (fact("started", &record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()))
                (fact("took", &format!("{}, {}", digest::seconds(record.duration_s), count(record.checks.len(), "check"))))
                (fact("ran on", &record.host.as_ref().map(host_sentence).unwrap_or_default()))
                (fact("seed", &record.seed.to_string()))
                (fact("exit status", &record.exit_status.map(|status| status.to_string()).unwrap_or_default()))
            }
            @for warning in &record.warnings {
                p.warning { strong { "Warning" } " " (printable(warning)) }
            }
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! {
        @if !value.is_empty() {
            div { dt { (name) } dd { (printable(value)) } }
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

/// How the run was made, for somebody who wants to repeat it.
fn how(record: &Record, room: &Room) -> Markup {
    let servers = record.target.servers.iter().flat_map(server_details);
    html! {
        section #how {
            h2 { "How it ran" }
            dl.rows {
                @if !record.command.is_empty() { (row("command", html! { pre { (room.line(&record.command.join(" "))) } })) }
                (row("rct", html! { (printable(&record.rct)) }))
                @if let Some(host) = &record.host {
                    @for (name, value) in host_details(host) { (row(name, html! { (printable(&value)) })) }
                }
                @for (name, value) in servers { (row(&name, html! { (room.line(&value)) })) }
                @if !record.target.addresses.is_empty() {
                    (row("nodes", html! { pre { (room.lines(&record.target.addresses.join("\n"))) } }))
                }
            }
        }
    }
}

fn row(name: &str, value: Markup) -> Markup {
    html! { dt { (printable(name)) } dd { (value) } }
}
