//! `report.html` of a load run, and the page of `rct compare`: one file that needs nothing beside it, without a script.
//!
//! From top to bottom: how the run ended and what it was; gates; charts over time; events; steps; distributions; tables;
//! nodes, slots, redirects and errors; how the run was made. The page of two runs has the same charts with a curve for
//! each run.

mod comparison;
mod courses;
mod distribution;
mod events;
mod head;
mod lanes;
mod nodes;
mod problems;
mod series;
mod sheet;
mod slots;
mod steps;
mod tables;

use loadgen::report::LoadReport;
use maud::{Markup, html};

pub use comparison::render as render_comparison;
use sheet::Sheet;

use super::rows::ending;
use crate::record::LoadRecord;
use crate::report::page::{self, Room, how};

/// Links to the sections that the page of a run has.
fn contents(record: &LoadRecord, report: &LoadReport) -> Markup {
    let all = [
        ("gates", "gates", !record.gates.is_empty()),
        ("throughput", "throughput", true),
        ("latency", "latency", true),
        ("events", "events and outages", !record.events.is_empty()),
        ("steps", "steps of the rate", report.steps.len() > 1),
        ("distribution", "distribution", !report.distributions.response.is_empty()),
        ("numbers", "numbers", true),
        ("times", "times", true),
        ("nodes", "nodes", !report.nodes.is_empty()),
        ("slots", "slots", !report.slots.cells.operations.is_empty()),
        ("problems", "redirects and errors", true),
        ("seconds", "second by second", true),
        ("how", "how it ran", true),
    ];
    page::contents(&all.map(|(id, name, is_there)| (id, if is_there { name.to_owned() } else { String::new() })))
}

/// Returns the content of `report.html`.
pub fn render(record: &LoadRecord) -> String {
    let content = html! {
        (head::of_run(record))
        @if let Some(report) = &record.load { (contents(record, report)) }
        main {
            (tables::gates(&record.gates))
            @if let Some(report) = &record.load {
                @let sheet = Sheet::of(record, report);
                (courses::throughput(&sheet))
                (courses::latency(&sheet))
                (events::section(&sheet, record))
                (steps::section(&sheet))
                (distribution::section(&sheet))
                (tables::numbers(report))
                (tables::times(report))
                (nodes::section(&sheet))
                (slots::section(&sheet))
                (problems::sections(&sheet))
                (tables::seconds(&report.windows))
            }
            (how::section(&record.command, &record.rct, record.host.as_ref(), &record.target, &Room::default()))
        }
    };
    page::document(&format!("rct load {}: {}", record.started, ending(record).0), "load", &content)
}
