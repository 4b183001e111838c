//! The map of a run: one cell for each check, with a colour and a sign, so that all verdicts are visible at once.

use maud::{Markup, html};

use crate::record::{CheckRecord, Record};
use crate::report::digest;
use crate::report::page::{legend, sign};
use crate::text::printable;

/// Returns the map, a line for each suite.
pub(super) fn section(record: &Record) -> Markup {
    html! {
        @if !record.checks.is_empty() {
            section #map {
                h2 { "All suites" }
                (legend(&digest::columns(record)))
                div.map {
                    @for (suite, checks) in record.suites() {
                        div.line {
                            a.name href={ "#suite-" (printable(suite)) } { (printable(suite)) }
                            div.cells { @for check in checks { (cell(check)) } }
                        }
                    }
                }
            }
        }
    }
}

fn cell(check: &CheckRecord) -> Markup {
    let id = printable(&check.id);
    let label = format!("{id}: {}\n{}", check.verdict.word(), printable(&check.title));
    html! {
        a class={ "cell " (check.verdict.name()) } href={ "#" (id) } title=(label) { (sign(check.verdict)) }
    }
}
