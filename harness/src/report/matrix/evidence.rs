//! What rct saw wherever a check did not pass, by check.

use maud::{Markup, html};

use super::model::{Matrix, Row};
use crate::record::{CheckRecord, Verdict};
use crate::report::page::{Room, badge};
use crate::report::{digest, rule};
use crate::text::{count, printable};

/// Returns the section.
pub(super) fn section(matrix: &Matrix<'_>, room: &Room) -> Markup {
    let rows = matrix.rows().filter(|row| row.cells.iter().flatten().any(|check| check.verdict != Verdict::Pass));
    let (deviating, skipped): (Vec<_>, Vec<_>) = rows.partition(|row| row.deviates());
    html! {
        section #evidence {
            h2 { "Evidence" }
            @if deviating.is_empty() { p { "No server breaks a rule." } }
            @for row in deviating { (check(matrix, row, room)) }
            @if !skipped.is_empty() {
                details.about.skipped {
                    summary { (count(skipped.len(), "check")) " that every server passed or skipped" }
                    @for row in skipped { (check(matrix, row, room)) }
                }
            }
        }
    }
}

fn check(matrix: &Matrix<'_>, row: &Row<'_>, room: &Room) -> Markup {
    let spec = row.cells.iter().flatten().find_map(|check| check.spec.as_deref());
    html! {
        details.about id={ "about:" (printable(row.id)) } {
            summary { code { (printable(row.id)) } @for verdict in row.verdicts() { " " (badge(verdict)) } }
            p.title { (printable(row.title)) }
            @if let Some(address) = spec.and_then(rule::link) {
                p.note { "The rule: " a href=(address) rel="noreferrer" { (printable(spec.unwrap_or_default())) } }
            }
            @for (servers, check) in alike(matrix, row) {
                h3 { (badge(check.verdict)) " " (servers.join(", ")) }
                dl.rows {
                    @for (label, text) in digest::evidence(check) { dt { (label) } dd { pre { (room.lines(&text)) } } }
                }
            }
        }
    }
}

/// The columns in which the check did not pass. Columns with the same verdict and reason and without a failure are one.
fn alike<'a>(matrix: &Matrix<'_>, row: &Row<'a>) -> Vec<(Vec<String>, &'a CheckRecord)> {
    let mut groups: Vec<(Vec<String>, &CheckRecord)> = Vec::new();
    for (column, check) in matrix.columns.iter().zip(&row.cells) {
        let Some(check) = check.filter(|check| check.verdict != Verdict::Pass) else { continue };
        let same = |other: &CheckRecord| {
            other.verdict == check.verdict && other.reason == check.reason && other.failure == check.failure
        };
        match groups.iter_mut().find(|(_, other)| same(other)) {
            Some((servers, _)) => servers.push(column.label()),
            None => groups.push((vec![column.label()], check)),
        }
    }
    groups
}
