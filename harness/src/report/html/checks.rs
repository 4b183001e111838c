//! All checks by suite, folded, with search and filters.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::failures::{origin, shown};
use crate::record::{CheckRecord, Counts, Record, Verdict};
use crate::report::digest;
use crate::report::page::{self, Room, badge, link_to};
use crate::text::{milliseconds, printable};

/// Returns the section.
pub(super) fn section(record: &Record, room: &Room) -> Markup {
    let above: BTreeSet<&str> = shown(record).into_iter().map(|check| &*check.id).collect();
    html! {
        @if !record.checks.is_empty() {
            section #checks {
                h2 { "All checks" }
                (tools(record))
                @for (suite, checks) in record.suites() { (self::suite(record, suite, &checks, &above, room)) }
            }
        }
    }
}

fn tools(record: &Record) -> Markup {
    let label = |verdict: Verdict| (verdict, html! { (badge(verdict)) " " (record.counts.with(verdict)) });
    let suites = record.suites();
    page::tools(suites.keys().copied(), digest::columns(record).into_iter().map(label), &html! {})
}

fn suite(record: &Record, name: &str, checks: &[&CheckRecord], above: &BTreeSet<&str>, room: &Room) -> Markup {
    let counts: Counts = checks.iter().map(|check| check.verdict).collect();
    html! {
        details.suite id={ "suite-" (printable(name)) } {
            summary {
                span.name { (printable(name)) }
                @for verdict in digest::columns(record) {
                    @if counts.with(verdict) > 0 {
                        span class={ "count " (verdict.name()) } { (counts.with(verdict)) " " (verdict.word()) } " "
                    }
                }
            }
            @for check in checks { (row(check, above.contains(&*check.id), room)) }
        }
    }
}

/// The line of a check. If it is above among the failures, it has everything and its anchor there.
fn row(check: &CheckRecord, is_above: bool, room: &Room) -> Markup {
    let verdict = check.verdict;
    let id = printable(&check.id);
    let head = |link: &Markup| {
        html! {
            (badge(verdict)) " " code { (id) }
            " " span.level { (check.level.name()) }
            " " span.time { (milliseconds(check.duration_ms)) } " " (link)
            span.title { (room.line(&check.title)) }
            @if let (false, Some(reason)) = (is_above, &check.reason) { span.reason { (room.lines(reason)) } }
        }
    };
    let level = check.level.name();
    html! {
        @if is_above {
            div.row data-verdict=(verdict.name()) data-level=(level) {
                a.head href={ "#" (id) } { (head(&html! {})) }
            }
        } @else {
            details.row id=(id) data-verdict=(verdict.name()) data-level=(level) {
                summary.head { (head(&link_to(&check.id))) }
                dl.rows {
                    @for (label, text) in digest::evidence(check).into_iter().filter(|(label, _)| *label != "reason") {
                        dt { (label) } dd { pre { (room.lines(&text)) } }
                    }
                    (origin(check))
                    @if let Some(shape) = &check.shape { dt { "shape" } dd { (printable(shape)) } }
                    @if !check.statements.is_empty() { dt { "statements" } dd { (room.line(&check.statements.join(", "))) } }
                }
            }
        }
    }
}
