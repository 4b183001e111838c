//! The page of two load runs: their numbers side by side, and charts with a curve for each run.

use maud::{Markup, html};

use super::head::tone;
use super::sheet::Sheet;
use super::{courses, distribution, lanes, nodes, problems, slots, steps, tables};
use crate::record::{GateRecord, LoadRecord};
use crate::report::load::compare::{NO_NUMBERS, Row, differences, first_rows, other_rows};
use crate::report::load::events::head as event_head;
use crate::report::load::rows::{ending, facts};
use crate::report::page;

/// Returns the page of an older and a newer run, and the gates of the comparison.
pub fn render(older: &LoadRecord, newer: &LoadRecord, gates: &[GateRecord]) -> String {
    let content = html! {
        header {
            p.kicker { "rct compare" }
            h1 { "Two load runs" }
            (run("older", older))
            (run("newer", newer))
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
            thead { tr { th {} th { "older" } th { "newer" } th { "newer / older" } } }
            @for row in rows {
                tr {
                    th scope="row" { (row.name) }
                    td.count { (row.older) } td.count { (row.newer) } td.count { (row.ratio) }
                }
            }
        } }
    }
}

/// A run in the head of the page.
fn run(name: &str, record: &LoadRecord) -> Markup {
    let (word, why) = ending(record);
    let tone = tone(record, word);
    html! {
        div.run class=(name) {
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
