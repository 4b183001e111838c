//! Throughput against p99, if the rate had several steps.

use loadgen::report::StepReport;
use maud::{Markup, html};

use super::courses::{scale_of, times_axis};
use super::sheet::{Run, Sheet};
use crate::report::chart::{Axis, Figure, Hit, Scale, Space, compact, linear_and_logarithmic};
use crate::report::load::rows::{grouped, is_unanswered, percentile, time};

/// The parts of the axis across, at most.
const PARTS: u32 = 6;

/// The columns of the table of steps.
const HEADS: [&str; 7] = ["planned", "answered/s", "no answer", "p50", "p99", "max", "send lag p99"];

/// Returns the section; nothing if no run had several steps.
pub(super) fn section(sheet: &Sheet<'_>) -> Markup {
    html! {
        @if sheet.runs.iter().any(|run| run.report.steps.len() > 1) {
            section #steps {
                h2 { "Steps of the rate" }
                (linear_and_logarithmic(|is_logarithmic| figure(sheet, is_logarithmic)))
                @for run in sheet.runs.iter().filter(|run| run.report.steps.len() > 1) { (table(run)) }
            }
        }
    }
}

/// The steps of a run in numbers.
fn table(run: &Run<'_>) -> Markup {
    html! {
        @if !run.name.is_empty() { h3 { (run.name) } }
        div.scroll { table {
            thead { tr { @for head in HEADS { th { (head) } } } }
            @for step in &run.report.steps {
                tr {
                    th scope="row" { (offered(step)) }
                    td.count { (grouped(step.operations_per_s.round() as u64)) }
                    td.count { (grouped(step.failed + step.not_sent)) }
                    @for (name, us) in [("p50", step.response_us.p50), ("p99", step.response_us.p99), ("max", step.response_us.max)] {
                        td.count { (percentile(us, is_unanswered(&step.response_us.no_answer, name))) }
                    }
                    td.count { (time(step.send_lag_us.p99)) }
                }
            }
        } }
    }
}

/// The planned rate of a step.
fn offered(step: &StepReport) -> String {
    step.offered_per_s.map_or("closed loop".to_owned(), |rate| format!("{}/s", grouped(rate.round() as u64)))
}

fn figure(sheet: &Sheet<'_>, is_logarithmic: bool) -> Figure {
    let steps = || sheet.runs.iter().flat_map(|run| &run.report.steps);
    let most = steps().map(|step| step.operations_per_s).fold(0.0, f64::max);
    let times_us = steps().map(|step| step.response_us.p99);
    let space = Space { x: Scale::from_zero(most * 1.05, PARTS), y: scale_of(times_us, is_logarithmic) };
    let points = |run: &Run<'_>| run.report.steps.iter().map(point).map(Some).collect::<Vec<_>>();
    Figure {
        legend: html! {
            (sheet.runs_legend()) span.key { "● a step of --rate" }
            @if steps().any(is_missing) { span.key { "× a step whose p99 got no answer: at least this long" } }
        },
        plot: html! { @for run in &sheet.runs { (space.line(run.class, points(run))) } },
        front: html! {
            @for run in &sheet.runs {
                @for step in &run.report.steps {
                    (space.sign(&format!("step {}", run.class), point(step), if is_missing(step) { "×" } else { "●" }))
                    (space.sign(place_of_name(space.x.at(step.operations_per_s)), point(step), &offered(step)))
                }
            }
        },
        hits: hits(sheet, space),
        ..Figure::new(
            "p99 of the response time",
            space,
            Axis::new("answered operations per second", space.x.ticks(PARTS), compact),
            times_axis("", space.y),
        )
    }
}

/// The classes of the name of a step: near the end of the axis it stands before the point.
fn place_of_name(share: f64) -> &'static str {
    if share > 0.9 { "step-name before" } else { "step-name" }
}

fn point(step: &StepReport) -> (f64, f64) {
    (step.operations_per_s, step.response_us.p99)
}

/// Whether the p99 of a step is an operation without an answer.
fn is_missing(step: &StepReport) -> bool {
    is_unanswered(&step.response_us.no_answer, "p99")
}

/// A hit around each step: up to the middle between it and its neighbours.
fn hits(sheet: &Sheet<'_>, space: Space) -> Vec<Hit> {
    let mut all: Vec<(f64, String)> = sheet
        .runs
        .iter()
        .flat_map(|run| run.report.steps.iter().map(|step| (step.operations_per_s, text(run, step))))
        .collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let middle = |at: usize| f64::midpoint(all[at - 1].0, all[at].0);
    let hit = |(at, (_, text)): (usize, &(f64, String))| Hit {
        from: if at == 0 { 0.0 } else { middle(at) },
        to: if at + 1 == all.len() { space.x.to() } else { middle(at + 1) },
        text: text.clone(),
    };
    all.iter().enumerate().map(hit).collect()
}

fn text(run: &Run<'_>, step: &StepReport) -> String {
    let rate = |rate: f64| grouped(rate.round() as u64);
    let offered = step.offered_per_s.map_or(String::new(), |offered| format!("offered {}/s  ", rate(offered)));
    let name = if run.name.is_empty() { String::new() } else { format!("{}: ", run.name) };
    let p99 = percentile(step.response_us.p99, is_missing(step));
    format!("{name}{offered}answered {}/s  p99 {p99}", rate(step.operations_per_s))
}
