//! The charts over time: throughput and latency.

use maud::{Markup, html};

use super::series::{Column, PERCENTILES};
use super::sheet::{Run, Sheet};
use crate::report::chart::{
    Axis, Figure, Hit, Scale, Space, Span, compact, linear_and_logarithmic, scale_switch, short_time, swatch,
};
use crate::report::load::rows::grouped;

/// The parts of an upright axis, at most.
const PARTS: u32 = 5;

/// The least time of a logarithmic axis, in microseconds.
const LEAST_US: f64 = 1.0;

/// What a second of a chart contains.
const PLANNED_NOTE: &str = "An operation counts in the second for which it was planned, however late the answer came. \
    So operations that were planned during an outage and answered after it are answered here, with a long response time below.";

/// Returns the section of throughput.
pub(super) fn throughput(sheet: &Sheet<'_>) -> Markup {
    html! {
        section #throughput {
            h2 { "Throughput" }
            @if sheet.is_comparison() {
                (both(sheet, "Answered", |column| column.answered))
                @if has_failed(sheet) { (both(sheet, "Without an answer", |column| column.failed + column.not_sent)) }
            } @else {
                @for run in &sheet.runs { (stacked(sheet, run)) }
            }
            (sheet.happenings())
            @if sheet.is_open_loop() { p.note { (PLANNED_NOTE) } }
            (length_note(sheet))
        }
    }
}

fn has_failed(sheet: &Sheet<'_>) -> bool {
    sheet.runs.iter().any(|run| run.report.failed + run.report.not_sent > 0)
}

/// Says how long a column is, if it is longer than a second.
fn length_note(sheet: &Sheet<'_>) -> Markup {
    html! {
        @if sheet.column_s > 1.0 {
            p.note { "Each step is " (sheet.column_s) " seconds. Of a percentile it shows the largest of these seconds." }
        }
    }
}

/// Operations of one run: answered ones, upon them those without an answer, and as a curve the planned ones.
fn stacked(sheet: &Sheet<'_>, run: &Run<'_>) -> Markup {
    let spans = |low: fn(&Column) -> u64, high: fn(&Column) -> u64| -> Vec<Span> {
        let span = |column: &Column| Span {
            from: column.from_s,
            to: column.to_s,
            low: column.per_s(low(column)),
            high: column.per_s(high(column)),
        };
        run.columns.iter().map(span).collect()
    };
    let answered = spans(|_| 0, |column| column.answered);
    let failed = spans(|column| column.answered, |column| column.answered + column.failed);
    let not_sent = spans(|column| column.answered + column.failed, Column::ended);
    let planned = spans(|_| 0, |column| column.planned);
    let has_plan = run.report.mode == "open";
    let highest = planned.iter().chain(&not_sent).map(|span| span.high).fold(0.0, f64::max);
    let space = Space { x: sheet.time(), y: Scale::from_zero(highest, PARTS) };
    Figure {
        legend: html! {
            (swatch("area answered", "answered"))
            @if run.report.failed > 0 { (swatch("area failed", "no answer")) }
            @if run.report.not_sent > 0 { (swatch("area not-sent", "not sent")) }
            @if has_plan { (swatch("curve planned", "planned")) }
            (sheet.happenings_legend())
        },
        back: sheet.bands(space),
        front: sheet.marks(space),
        plot: html! {
            (space.area("answered", &answered)) (space.area("failed", &failed)) (space.area("not-sent", &not_sent))
            @if has_plan { (space.steps("planned", &planned)) }
        },
        hits: hits(sheet, run, |column| format!("{}  {}", sheet.span(column), counts_text(column, has_plan))),
        ..Figure::new("Operations", space, sheet.time_axis(), Axis::new("per second", space.y.ticks(PARTS), compact))
    }
    .draw()
}

/// The counts of a column per second; those that were not sent only if there are any.
fn counts_text(column: &Column, has_plan: bool) -> String {
    let counts = [
        ("planned", column.planned, has_plan),
        ("answered", column.answered, true),
        ("no answer", column.failed, true),
        ("not sent", column.not_sent, column.not_sent > 0),
    ];
    let shown = counts.into_iter().filter(|(.., is_shown)| *is_shown);
    let texts = shown.map(|(name, count, _)| format!("{name} {}", grouped(column.per_s(count).round() as u64)));
    texts.collect::<Vec<_>>().join("  ")
}

/// One count of both runs.
fn both(sheet: &Sheet<'_>, title: &str, count: fn(&Column) -> u64) -> Markup {
    let rates = sheet.runs.iter().flat_map(|run| run.columns.iter().map(|column| column.per_s(count(column))));
    let y = Scale::from_zero(rates.fold(0.0, f64::max), PARTS);
    let space = Space { x: sheet.time(), y };
    let spans = |run: &Run<'_>| -> Vec<Span> {
        let span = |column: &Column| Span {
            from: column.from_s,
            to: column.to_s,
            low: 0.0,
            high: column.per_s(count(column)),
        };
        run.columns.iter().map(span).collect()
    };
    Figure {
        legend: html! { (sheet.runs_legend()) (sheet.happenings_legend()) },
        back: sheet.bands(space),
        front: sheet.marks(space),
        plot: html! { @for run in &sheet.runs { (space.steps(run.class, &spans(run))) } },
        hits: common_hits(sheet, |_, column| grouped(column.per_s(count(column)).round() as u64)),
        ..Figure::new(title, space, sheet.time_axis(), Axis::new("per second", y.ticks(PARTS), compact))
    }
    .draw()
}

/// Returns the section of latency.
pub(super) fn latency(sheet: &Sheet<'_>) -> Markup {
    html! {
        section #latency {
            h2 { "Latency" }
            (scale_switch())
            @if sheet.is_comparison() {
                div.pair {
                    @for at in 0..PERCENTILES.len() {
                        (linear_and_logarithmic(|is_logarithmic| compared(sheet, at, is_logarithmic)))
                    }
                }
            } @else {
                @for run in &sheet.runs {
                    (linear_and_logarithmic(|is_logarithmic| percentiles(sheet, run, is_logarithmic)))
                }
            }
        }
    }
}

/// Returns a scale for all these times, in microseconds.
pub(super) fn scale_of(times_us: impl Iterator<Item = f64> + Clone, is_logarithmic: bool) -> Scale {
    let most = times_us.clone().fold(0.0, f64::max);
    match is_logarithmic {
        false => Scale::from_zero(most, PARTS),
        true => {
            let least = times_us.filter(|us| *us >= LEAST_US).fold(most.max(LEAST_US), f64::min);
            Scale::logarithmic(least, most.max(LEAST_US))
        }
    }
}

/// Returns an upright axis of times.
pub(super) fn times_axis(name: &str, scale: Scale) -> Axis {
    Axis::new(name, scale.ticks(PARTS), short_time)
}

fn times_of<'r>(run: &'r Run<'_>) -> impl Iterator<Item = f64> + Clone + 'r {
    run.columns.iter().filter_map(|column| column.times).flat_map(|times| times.us).flatten()
}

/// The percentiles of one run.
fn percentiles(sheet: &Sheet<'_>, run: &Run<'_>, is_logarithmic: bool) -> Figure {
    let space = Space { x: sheet.time(), y: scale_of(times_of(run), is_logarithmic) };
    let text = |column: &Column| format!("{}  {}", sheet.span(column), times_text(column));
    let has = |at: usize| run.columns.iter().any(|column| column.times.is_some_and(|times| times.us[at].is_some()));
    let has_signs =
        run.columns.iter().any(|column| column.times.is_some_and(|times| times.is_unanswered.contains(&true)));
    Figure {
        legend: html! {
            @for at in (0..PERCENTILES.len()).filter(|at| has(*at)) {
                (swatch(&format!("curve {}", PERCENTILES[at]), PERCENTILES[at]))
            }
            @if has_signs { span.key { "× no answer: at least this long" } }
            (sheet.happenings_legend())
        },
        back: sheet.bands(space),
        plot: html! { @for at in 0..PERCENTILES.len() { (curve(space, run, at, PERCENTILES[at])) } },
        front: html! { @for at in 0..PERCENTILES.len() { (signs(space, run, at, PERCENTILES[at])) } (sheet.marks(space)) },
        hits: hits(sheet, run, text),
        ..Figure::new("Response time", space, sheet.time_axis(), times_axis("", space.y))
    }
}

/// One percentile of both runs.
fn compared(sheet: &Sheet<'_>, at: usize, is_logarithmic: bool) -> Figure {
    let all = sheet.runs.iter().flat_map(|run| run.columns.iter().filter_map(move |column| column.times?.us[at]));
    let space = Space { x: sheet.time(), y: scale_of(all, is_logarithmic) };
    Figure {
        legend: sheet.runs_legend(),
        back: sheet.bands(space),
        plot: html! { @for run in &sheet.runs { (curve(space, run, at, run.class)) } },
        front: html! { @for run in &sheet.runs { (signs(space, run, at, run.class)) } (sheet.marks(space)) },
        hits: common_hits(sheet, |_, column| time_text(column, at)),
        ..Figure::new(
            &format!("Response time, {}", PERCENTILES[at]),
            space,
            sheet.short_time_axis(),
            times_axis("", space.y),
        )
    }
}

fn middle(column: &Column) -> f64 {
    f64::midpoint(column.from_s, column.to_s)
}

fn curve(space: Space, run: &Run<'_>, at: usize, class: &str) -> Markup {
    let point = |column: &Column| Some((middle(column), column.times?.us[at]?));
    space.line(class, run.columns.iter().map(point))
}

/// A sign at each percentile that falls among operations without an answer.
fn signs(space: Space, run: &Run<'_>, at: usize, class: &str) -> Markup {
    let unanswered = |column: &Column| {
        let times = column.times.filter(|times| times.is_unanswered[at])?;
        Some((middle(column), times.us[at]?))
    };
    html! { @for point in run.columns.iter().filter_map(unanswered) { (space.sign(class, point, "×")) } }
}

fn times_text(column: &Column) -> String {
    let texts = (0..PERCENTILES.len()).map(|at| format!("{} {}", PERCENTILES[at], time_text(column, at)));
    texts.collect::<Vec<_>>().join("  ")
}

fn time_text(column: &Column, at: usize) -> String {
    column.times.and_then(|times| times.text(at)).unwrap_or_else(|| "-".to_owned())
}

/// The values under the pointer, of one run.
pub(super) fn hits(sheet: &Sheet<'_>, run: &Run<'_>, text: impl Fn(&Column) -> String) -> Vec<Hit> {
    let hit = |column: &Column| Hit {
        from: column.from_s,
        to: column.to_s.min(sheet.end_s),
        text: text(column) + &sheet.outages(run, column),
    };
    run.columns.iter().map(hit).collect()
}

/// The values under the pointer, of all runs.
pub(super) fn common_hits(sheet: &Sheet<'_>, value: impl Fn(&Run<'_>, &Column) -> String) -> Vec<Hit> {
    let longest = sheet.runs.iter().max_by_key(|run| run.columns.len());
    let hit = |column: &Column| {
        let same = |other: &&Column| (other.from_s..other.to_s).contains(&middle(column));
        let of_run = |run: &Run<'_>| {
            let value = value(run, run.columns.iter().find(same)?);
            Some(if run.name.is_empty() { value } else { format!("{} {value}", run.name) })
        };
        let texts: Vec<String> = sheet.runs.iter().filter_map(of_run).collect();
        Hit { from: column.from_s, to: column.to_s, text: format!("{}  {}", sheet.span(column), texts.join("  ")) }
    };
    longest.into_iter().flat_map(|run| run.columns.iter().map(hit)).collect()
}
