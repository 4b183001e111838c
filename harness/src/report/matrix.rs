//! `rct matrix`: one page with a row for each check, and a column for each product and version.

mod deviations;
mod evidence;
mod model;
pub mod publish;
mod table;

use maud::{Markup, html};

pub use model::Run;
use model::{Column, Matrix};

use super::digest;
use super::page::{self, Room};
use crate::record::{CheckRecord, Level, Record, Verdict};
use crate::text::{count, printable};

/// The levels, the most binding first.
const LEVELS: [Level; 3] = [Level::Must, Level::Should, Level::May];

/// Returns the page of these runs. The columns are ordered by product and version.
pub fn render(runs: Vec<Run>) -> String {
    let columns = Column::ordered(runs);
    let matrix = Matrix::of(&columns);
    let room = Room::default();
    let content = html! {
        (head(&matrix))
        main style={ "--n:" (columns.len()) } {
            (summary(&columns))
            (deviations::section(&matrix, &room))
            (table::section(&matrix))
            (evidence::section(&matrix, &room))
            (about())
        }
    };
    page::document("rct matrix", "matrix", &content)
}

fn head(matrix: &Matrix<'_>) -> Markup {
    let different = matrix.rows().filter(|row| row.differs()).count();
    let checks = matrix.rows().count();
    html! {
        header {
            p.kicker { "rct matrix" }
            h1 { "How " (count(matrix.columns.len(), "server")) " behave as a Redis Cluster" }
            p {
                (count(checks, "check")) ". " (checks - different) " have the same verdict on every server that has "
                "the feature. " (different) " differ."
            }
            (page::contents(&[
                ("summary", "summary".to_owned()),
                ("deviations", "deviations".to_owned()),
                ("checks", "matrix".to_owned()),
                ("evidence", "evidence".to_owned()),
                ("about", "about this page".to_owned()),
            ]))
        }
    }
}

/// The verdicts of each run, one line each.
fn summary(columns: &[Column]) -> Markup {
    let others = [Verdict::Broken, Verdict::Stale, Verdict::Flaky];
    let used: Vec<_> = [Verdict::Pass, Verdict::Fail, Verdict::Known, Verdict::Skip]
        .into_iter()
        .chain(others.into_iter().filter(|verdict| columns.iter().any(|it| it.run.record.counts.with(*verdict) > 0)))
        .collect();
    html! {
        section #summary {
            h2 { "Summary" }
            div.scroll {
                table {
                    thead { tr {
                        th { "server" } th { "result" }
                        @for level in LEVELS { th title={ "broken rules of level " (level.name()) ", known or not" } { "broken " (level.name()) } }
                        @for verdict in &used { th title=(page::meaning(*verdict)) { (verdict.name()) } }
                        th { "target" } th { "date" } th { "rct" } th {}
                    } }
                    @for column in columns { (summary_row(column, &used)) }
                }
            }
        }
    }
}

fn summary_row(column: &Column, used: &[Verdict]) -> Markup {
    let record = &column.run.record;
    let headline = digest::headline(record);
    html! {
        tr {
            th scope="row" { (column.label()) }
            td { span class={ "badge " (headline.tone.name()) } title=(printable(&headline.sentence)) { (headline.word) } }
            @for level in LEVELS { (number("fail", broken(record, level))) }
            @for verdict in used { (number(verdict.name(), record.counts.with(*verdict))) }
            td { (printable(&digest::target(record))) }
            td { (record.started.strftime("%Y-%m-%d").to_string()) }
            td { (printable(&record.rct)) }
            td { @if let Some(report) = &column.run.report { a href=(printable(report)) { "report" } } }
        }
    }
}

/// The cell of a count; zero steps back.
fn number(class: &str, count: usize) -> Markup {
    html! { @if count == 0 { td.zero { "0" } } @else { td class={ "count " (class) } { (count) } } }
}

/// How many rules of a level the server breaks, whether or not a list of known deviations has them.
fn broken(record: &Record, level: Level) -> usize {
    let breaks = |check: &&CheckRecord| {
        matches!(check.verdict, Verdict::Fail | Verdict::Known | Verdict::Flaky) && check.level == level
    };
    record.checks.iter().filter(breaks).count()
}

fn about() -> Markup {
    html! {
        section #about {
            h2 { "About this page" }
            p {
                "rct conform sends commands to a real cluster and compares every reply with the rules of the cluster "
                "specification. KNOWN marks a deviation that is listed with its reason. SKIP means that the server "
                "lacks the feature, or that the target does not allow the check."
            }
            p {
                "Clients rely on the must rules. Good servers keep the should rules, and servers may differ in the may "
                "rules. The result is FAIL if a server breaks a must rule that no list of known deviations has."
            }
        }
    }
}
