//! The matrix itself: suites and checks by columns, folded by suite.

use maud::{Markup, html};

use super::model::{Column, Matrix, Row};
use crate::record::{CheckRecord, Verdict};
use crate::report::digest;
use crate::report::page::{self, badge, legend, link_to, sign};
use crate::text::{clip_bytes, printable};

/// The most bytes of what the mouse shows over a cell.
const TITLE_LIMIT_BYTES: usize = 200;

/// The order in which a suite shows its worst verdict.
const WORST_FIRST: [Verdict; 6] =
    [Verdict::Fail, Verdict::Broken, Verdict::Stale, Verdict::Flaky, Verdict::Known, Verdict::Pass];

/// Returns the section.
pub(super) fn section(matrix: &Matrix<'_>) -> Markup {
    let used: Vec<_> =
        Verdict::ALL.into_iter().filter(|verdict| matrix.rows().any(|row| row.verdicts().contains(verdict))).collect();
    html! {
        section #checks {
            h2 { "Matrix" }
            (legend(&used))
            p.note { "A cell of a suite shows its worst verdict, and how many checks have it. A cell that is not PASS leads to what rct saw." }
            (tools(matrix, &used))
            p #comparing aria-live="polite" { "Click the names of two servers to see only what differs between them." }
            div.heads {
                span.name { "suites and checks" }
                @for (at, column) in matrix.columns.iter().enumerate() { (column_head(at, column)) }
            }
            @for (suite, rows) in &matrix.suites { (self::suite(matrix, suite, rows)) }
        }
    }
}

fn tools(matrix: &Matrix<'_>, used: &[Verdict]) -> Markup {
    let verdicts = used.iter().map(|verdict| (*verdict, badge(*verdict)));
    let differing = html! { fieldset { label { input #differing type="checkbox"; " only checks that differ" } } };
    page::tools(matrix.suites.keys().copied(), verdicts, &differing)
}

fn column_head(at: usize, column: &Column) -> Markup {
    html! {
        button.head type="button" data-column=(at) title=(column.label()) aria-pressed="false" {
            span { (column.product) } " " span { (column.version) }
        }
    }
}

fn suite(matrix: &Matrix<'_>, name: &str, rows: &[Row<'_>]) -> Markup {
    html! {
        details.suite id={ "suite-" (printable(name)) } {
            summary {
                span.name { (printable(name)) " " span.number { (rows.len()) } }
                @for at in 0..matrix.columns.len() { (suite_cell(rows, at)) }
            }
            table {
                @for row in rows { (self::row(matrix, row)) }
            }
        }
    }
}

/// The worst verdict of a suite in a column, and how many checks have it unless all passed.
fn suite_cell(rows: &[Row<'_>], at: usize) -> Markup {
    let number =
        |verdict| rows.iter().filter(|row| row.cells[at].is_some_and(|check| check.verdict == verdict)).count();
    match WORST_FIRST.into_iter().map(|verdict| (verdict, number(verdict))).find(|(_, number)| *number > 0) {
        None => html! { span.cell.skip { (if number(Verdict::Skip) > 0 { sign(Verdict::Skip) } else { "" }) } },
        Some((Verdict::Pass, number)) => {
            html! { span.cell.pass title={ (number) " passed" } { (sign(Verdict::Pass)) } }
        }
        Some((verdict, number)) => {
            html! { span class={ "cell " (verdict.name()) } title={ (number) " " (verdict.word()) } { (sign(verdict)) (number) } }
        }
    }
}

fn row(matrix: &Matrix<'_>, row: &Row<'_>) -> Markup {
    let names: Vec<_> = row.verdicts().into_iter().map(Verdict::name).collect();
    let id = printable(row.id);
    html! {
        tr.row id=(id) data-verdict=(names.join(" ")) data-level=(row.level.name()) data-differs[row.differs()] data-deviates[row.deviates()] {
            th scope="row" {
                code { (id) } " " span.level { (row.level.name()) } " " (link_to(row.id))
                span.title { (printable(row.title)) }
            }
            @for (column, cell) in matrix.columns.iter().zip(&row.cells) { (self::cell(column, *cell)) }
        }
    }
}

fn cell(column: &Column, check: Option<&CheckRecord>) -> Markup {
    let Some(check) = check else { return html! { td.none title="not run" {} } };
    let verdict = check.verdict;
    if verdict == Verdict::Pass {
        return html! { td.pass { (sign(verdict)) } };
    }
    let reason = check.failure.as_ref().filter(|_| check.reason.is_none()).map(|failure| &*failure.received);
    let reason = reason.unwrap_or_else(|| digest::brief_reason(check));
    let title = format!("{}: {}: {reason}", column.label(), verdict.word());
    html! {
        td class=(verdict.name()) {
            a href={ "#about:" (printable(&check.id)) } title=(printable(&clip_bytes(&title, TITLE_LIMIT_BYTES))) { (sign(verdict)) }
        }
    }
}
