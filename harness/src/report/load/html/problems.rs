//! Redirects and errors over time: a small chart for each class.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::courses::common_hits;
use super::series::Column;
use super::sheet::{Run, Sheet};
use crate::report::chart::{Axis, Figure, Scale, Space, Span, compact};
use crate::report::load::rows::{grouped, meaning};
use crate::text::printable;

/// The classes of replies that lead to another node.
const REDIRECTS: [&str; 2] = ["moved", "ask"];

/// The parts of an upright axis, at most.
const PARTS: u32 = 2;

/// Which counts of a column a chart shows.
type Counts = fn(&Column) -> &BTreeMap<String, u64>;

/// Returns the sections of redirects, of errors, and of operations without an answer.
pub(super) fn sections(sheet: &Sheet<'_>) -> Markup {
    let problems: Counts = |column| &column.problems;
    let (redirects, errors): (Vec<String>, Vec<String>) =
        names(sheet, problems).into_iter().partition(|name| REDIRECTS.contains(&&**name));
    let unanswered: Counts = |column| &column.unanswered;
    html! {
        div #problems {
        (none(&redirects, &errors))
        (section(sheet, "redirects", "Redirects", "MOVED and ASK per second, when they came.", &redirects, problems))
        (section(sheet, "errors", "Errors", "Errors and lost connections per second, when they came.", &errors, problems))
        (section(
            sheet, "unanswered", "Operations without an answer",
            "Operations per second, by the last problem of each. Operations that were queued found no connection to their node in time.",
            &names(sheet, unanswered), unanswered,
        ))
        }
    }
}

/// Says that there was nothing of a kind, which is an answer too.
fn none(redirects: &[String], errors: &[String]) -> Markup {
    let text = match (redirects, errors) {
        ([], []) => "No redirects and no errors",
        ([], _) => "No redirects",
        (_, []) => "No errors",
        _ => return html! {},
    };
    html! { section #none { h2 { (text) } } }
}

/// The classes that occur in any run.
fn names(sheet: &Sheet<'_>, counts: Counts) -> Vec<String> {
    let columns = sheet.runs.iter().flat_map(|run| &run.columns);
    let names: BTreeSet<&String> = columns.flat_map(|column| counts(column).keys()).collect();
    names.into_iter().cloned().collect()
}

fn section(sheet: &Sheet<'_>, id: &str, title: &str, note: &str, classes: &[String], counts: Counts) -> Markup {
    html! {
        @if !classes.is_empty() {
            section id=(id) {
                h2 { (title) }
                p.note { (note) }
                p.keys { (sheet.runs_legend()) (sheet.happenings_legend()) }
                div.nodes { @for class in classes { (chart(sheet, class, counts).draw()) } }
            }
        }
    }
}

fn chart(sheet: &Sheet<'_>, class: &str, counts: Counts) -> Figure {
    let rate = |column: &Column| column.per_s(counts(column).get(class).copied().unwrap_or(0));
    let most = sheet.runs.iter().flat_map(|run| &run.columns).map(rate).fold(0.0, f64::max);
    let space = Space { x: sheet.time(), y: Scale::from_zero(most, PARTS) };
    let spans = |run: &Run<'_>| -> Vec<Span> {
        let span = |column: &Column| Span { from: column.from_s, to: column.to_s, low: 0.0, high: rate(column) };
        run.columns.iter().map(span).collect()
    };
    let sum = |run: &Run<'_>| grouped(run.columns.iter().filter_map(|column| counts(column).get(class)).sum());
    let sums: Vec<String> =
        sheet.runs.iter().map(|run| format!("{} {}", run.name, sum(run)).trim().to_owned()).collect();
    Figure {
        size: "small",
        legend: html! { @if let Some(words) = meaning(class) { span.unit { (words) } } },
        back: sheet.bands(space),
        front: sheet.marks(space),
        plot: html! {
            @for run in &sheet.runs {
                @if sheet.is_comparison() { (space.steps(run.class, &spans(run))) } @else { (space.area("problem", &spans(run))) }
            }
        },
        hits: common_hits(sheet, |_, column| grouped(rate(column).round() as u64) + "/s"),
        ..Figure::new(
            &printable(class),
            space,
            sheet.short_time_axis(),
            Axis::new(&format!("{} in all", sums.join(", ")), space.y.ticks(PARTS), compact),
        )
    }
}
