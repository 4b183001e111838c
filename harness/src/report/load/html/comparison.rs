//! The page of two load runs: their numbers side by side, and charts with a curve for each run.

use loadgen::report::LoadReport;
use maud::{Markup, html};

use super::head::tone;
use super::sheet::Sheet;
use super::{courses, distribution, lanes, nodes, problems, slots, steps, tables};
use crate::record::{GateRecord, LoadRecord};
use crate::report::load::compare::{Effect, NO_NUMBERS, Row, differences, first_rows, other_rows};
use crate::report::load::events::head as event_head;
use crate::report::load::rows::{ending, facts};
use crate::report::page;

/// Returns the page of an older and a newer run, and the gates of the comparison.
pub fn render(older: &LoadRecord, newer: &LoadRecord, gates: &[GateRecord]) -> String {
    let content = html! {
        header {
            p.kicker { "rct compare" }
            h1 { (headline(older, newer)) }
            (run("older", older))
            (run("newer", newer))
            (contents(older, newer))
        }
        main {
            (tables::gates(gates))
            @if let (Some(before), Some(after)) = (&older.load, &newer.load) {
                @let sheet = Sheet::of_two((older, before), (newer, after));
                section #numbers {
                    h2 { "Numbers" }
                    @for line in differences(before, after) { p.warning { (line) } }
                    (table(first_rows(before, after)))
                    details { summary { "Show all numbers" } (table(other_rows(before, after))) }
                }
                (courses::throughput(&sheet))
                (courses::latency(&sheet))
                (events(&sheet))
                (distribution::section(&sheet))
                (steps::section(&sheet))
                (nodes::section(&sheet))
                (slots::section(&sheet))
                (problems::sections(&sheet))
            } @else {
                p { (NO_NUMBERS) }
            }
        }
    };
    page::document("rct compare", "load", &content)
}

fn table(rows: Vec<Row>) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th {} th { "older" } th { "newer" } th { "change" } th { "newer is" } } }
            @for row in rows {
                tr {
                    th scope="row" { (row.name) }
                    td.count { (row.older) } td.count { (row.newer) } td.count { (row.change) }
                    @match row.effect {
                        Some(Effect::Better) => { td.count.pass { "better" } }
                        Some(Effect::Worse) => { td.count.fail { "worse" } }
                        None => { td {} }
                    }
                }
            }
        } }
    }
}

fn contents(older: &LoadRecord, newer: &LoadRecord) -> Markup {
    let reports = [&older.load, &newer.load];
    let has = |test: fn(&LoadReport) -> bool| reports.iter().any(|report| report.as_ref().is_some_and(test));
    let has_events = !older.events.is_empty() || !newer.events.is_empty();
    let all = [
        ("numbers", "numbers", true),
        ("throughput", "throughput", true),
        ("latency", "latency", true),
        ("events", "events and outages", has_events),
        ("distribution", "distribution", has(|report| !report.distributions.response.is_empty())),
        ("steps", "steps of the rate", has(|report| report.steps.len() > 1)),
        ("nodes", "nodes", has(|report| !report.nodes.is_empty())),
        ("slots", "slots", has(|report| !report.slots.cells.operations.is_empty())),
    ];
    let is_shown = reports.iter().all(|report| report.is_some());
    page::contents(
        &all.map(|(id, name, is_there)| (id, if is_there && is_shown { name.to_owned() } else { String::new() })),
    )
}

/// What the newer run did, and how that differs.
fn headline(older: &LoadRecord, newer: &LoadRecord) -> String {
    let (Some(before), Some(after)) = (&older.load, &newer.load) else { return "Two load runs".to_owned() };
    let rows = first_rows(before, after);
    let number = |name: &str| {
        let row = rows.iter().find(|row| row.name == name)?;
        Some(if row.change.is_empty() { row.newer.clone() } else { format!("{} ({})", row.newer, row.change) })
    };
    let [rate, p99] = ["operations/s", "response p99"].map(|name| number(name).unwrap_or_default());
    format!("Operations per second: {rate}. Response p99: {p99}.")
}

/// A run in the head of the page.
fn run(name: &str, record: &LoadRecord) -> Markup {
    let (word, why) = ending(record);
    let tone = tone(record, word);
    html! {
        div class={ "run " (name) } {
            h3 {
                (name) " " span class={ "badge " (tone.name()) } { (page::sign(tone)) " " (word) } " "
                span.level { (record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) }
            }
            @if word != "DONE" { p.note { (why) } }
            p.note { (facts(record).join(", ")) }
        }
    }
}

fn events(sheet: &Sheet<'_>) -> Markup {
    html! {
        @if sheet.has_events() {
            section #events {
                h2 { "Events and outages" }
                (lanes::figure(sheet))
                @for run in &sheet.runs {
                    @for fault in run.events { p.note { (sheet.number(run, fault)) ": " (event_head(fault)) } }
                }
            }
        }
    }
}
