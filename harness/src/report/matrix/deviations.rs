//! The rules that some server breaks, with the reasons of those that are known.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::model::{Matrix, Row};
use crate::record::{CheckRecord, Verdict};
use crate::report::page::{Room, badge};
use crate::text::printable;

/// Returns the section.
pub(super) fn section(matrix: &Matrix<'_>, room: &Room) -> Markup {
    let broken: Vec<_> = matrix.rows().filter(|row| row.deviates()).collect();
    html! {
        section #deviations {
            h2 { "Deviations " span.number { (broken.len()) } }
            @if broken.is_empty() { p { "No server breaks a rule." } }
            dl.rows.deviations {
                @for row in broken { (self::row(matrix, row, room)) }
            }
        }
    }
}

fn is_deviation(check: &CheckRecord) -> bool {
    !matches!(check.verdict, Verdict::Pass | Verdict::Skip)
}

/// Why a server deviates: the known reason, or what rct expected and received.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Why<'a> {
    Reason(&'a str),
    Seen { expected: &'a str, received: &'a str },
}

fn why(check: &CheckRecord) -> Why<'_> {
    match (&check.reason, &check.failure) {
        (None, Some(failure)) => Why::Seen { expected: &failure.expected, received: &failure.received },
        (reason, _) => Why::Reason(reason.as_deref().unwrap_or_default()),
    }
}

/// A rule, and for each reason the servers that break it.
fn row(matrix: &Matrix<'_>, row: &Row<'_>, room: &Room) -> Markup {
    let mut by_reason: BTreeMap<(Verdict, Why<'_>), Vec<String>> = BTreeMap::new();
    for (column, check) in matrix.columns.iter().zip(&row.cells) {
        if let Some(check) = check.filter(|check| is_deviation(check)) {
            by_reason.entry((check.verdict, why(check))).or_default().push(column.label());
        }
    }
    html! {
        dt {
            a href={ "#about:" (printable(row.id)) } { (printable(row.id)) }
            " " span.level { (row.level.name()) }
        }
        dd {
            (room.line(row.title))
            @for ((verdict, why), servers) in by_reason {
                p.server {
                    (badge(verdict)) " " strong { (servers.join(", ")) }
                    @match why {
                        Why::Reason("") => {}
                        Why::Reason(reason) => { ": " (room.line(reason)) }
                        Why::Seen { expected, received } => {
                            ": expected " code { (room.line(expected)) } ", received " code { (room.line(received)) }
                        }
                    }
                }
            }
        }
    }
}
