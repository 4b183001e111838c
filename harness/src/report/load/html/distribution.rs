//! How the times are distributed: the curves of percentiles, and the histogram.

use loadgen::report::{Bucket, CurvePoint};
use maud::{Markup, html};

use super::courses::{scale_of, times_axis};
use super::sheet::{Run, Sheet};
use crate::report::chart::{
    Axis, Figure, Hit, Point, Scale, Space, Span, linear_and_logarithmic, percentile_label, short_time, swatch,
};
use crate::report::load::rows::{grouped, percentile, time};

/// The percentiles that get a tick.
const TICKS: [f64; 7] = [0.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999];

/// The parts of an upright axis, at most.
const PARTS: u32 = 5;

/// A curve of percentiles.
#[derive(Clone, Copy)]
struct Curve<'a> {
    /// What the legend and the values call it.
    name: &'static str,
    class: &'static str,
    points: &'a [CurvePoint],
}

/// Returns the section; nothing for runs that recorded no distribution.
pub(super) fn section(sheet: &Sheet<'_>) -> Markup {
    html! {
        @if sheet.runs.iter().any(|run| !run.report.distributions.response.is_empty()) {
            section #distribution {
                h2 { "Distribution of times" }
                div.pair {
                    @if sheet.is_comparison() {
                        (chart("Response time", &of_runs(sheet, |run| &run.report.distributions.response)))
                        @if sheet.is_open_loop() { (chart("Service time", &of_runs(sheet, |run| &run.report.distributions.service))) }
                    } @else {
                        @for run in &sheet.runs { (chart("Percentiles", &of_one(run))) }
                    }
                    (histogram(sheet))
                }
            }
        }
    }
}

/// Response and service time of a run; in closed loop they are the same.
fn of_one<'a>(run: &Run<'a>) -> Vec<Curve<'a>> {
    let all = &run.report.distributions;
    let mut curves = vec![Curve { name: "response", class: "response", points: &all.response }];
    if run.report.mode == "open" {
        curves.push(Curve { name: "service", class: "service", points: &all.service });
    }
    curves
}

fn of_runs<'a>(sheet: &Sheet<'a>, points: impl Fn(&Run<'a>) -> &'a [CurvePoint]) -> Vec<Curve<'a>> {
    sheet.runs.iter().map(|run| Curve { name: run.name, class: run.class, points: points(run) }).collect()
}

fn chart(title: &str, curves: &[Curve<'_>]) -> Markup {
    let drawn = curves.iter().flat_map(|curve| curve.points).filter(|point| point.percentile < 100.0);
    let end = drawn.map(|point| nines(point.percentile)).fold(1.0, f64::max);
    linear_and_logarithmic(|is_logarithmic| figure(title, curves, end, is_logarithmic))
}

fn figure(title: &str, curves: &[Curve<'_>], end: f64, is_logarithmic: bool) -> Figure {
    let all_us = curves.iter().flat_map(|curve| curve.points).map(|point| point.us);
    let space = Space { x: Scale::linear(0.0, end), y: scale_of(all_us, is_logarithmic) };
    let point = |point: &CurvePoint| -> Point { Some((nines(point.percentile), point.us)) };
    let drawn = |curve: &Curve<'_>| -> Vec<Point> {
        curve.points.iter().filter(|point| point.percentile < 100.0).map(point).collect()
    };
    let ticks = TICKS.into_iter().filter(|tick| nines(*tick) <= end + 1e-6);
    let ticks = ticks.map(|tick| (nines(tick), if tick == 0.0 { "0".to_owned() } else { percentile_label(tick) }));
    let unanswered = curves.iter().filter_map(|curve| Some((curve, unanswered_from(curve.points)?)));
    let unanswered: Vec<(&Curve<'_>, f64)> = unanswered.collect();
    Figure {
        legend: html! {
            @for curve in curves { (swatch(&format!("curve {}", curve.class), curve.name)) }
            @for (curve, _) in &unanswered {
                (swatch(&format!("band unanswered {}", curve.class), &format!("{}: no answer", curve.name)))
            }
        },
        back: html! {
            @for (curve, from) in &unanswered {
                (space.band(&format!("unanswered {}", curve.class), *from, end, &format!("{}: no answer", curve.name)))
            }
        },
        plot: html! { @for curve in curves { (space.line(curve.class, drawn(curve))) } },
        hits: hits(curves, end),
        ..Figure::new(
            title,
            space,
            Axis { name: "percentile".to_owned(), ticks: ticks.collect() },
            times_axis("", space.y),
        )
    }
}

/// Where a percentile lies: 0 for 0, 1 for 90, 2 for 99, and so on.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).log10()
}

/// Where the operations without an answer begin.
fn unanswered_from(points: &[CurvePoint]) -> Option<f64> {
    points.iter().find(|point| point.no_answer && point.percentile < 100.0).map(|point| nines(point.percentile))
}

/// A hit around each percentile of the longest curve; every curve has the same percentiles up to its end.
fn hits(curves: &[Curve<'_>], end: f64) -> Vec<Hit> {
    let Some(longest) = curves.iter().max_by_key(|curve| curve.points.len()) else { return Vec::new() };
    let places: Vec<f64> = longest.points.iter().map(|point| nines(point.percentile).min(end)).collect();
    let hit = |(at, point): (usize, &CurvePoint)| {
        let between = |one: usize, other: usize| f64::midpoint(places[one], places[other]);
        let from = if at == 0 { 0.0 } else { between(at - 1, at) };
        let to = if at + 1 == places.len() { end } else { between(at, at + 1) };
        let value = |curve: &Curve<'_>| {
            let same = curve.points.iter().find(|other| other.percentile == point.percentile)?;
            Some(format!("{} {}", curve.name, percentile(same.us, same.no_answer)))
        };
        let values: Vec<String> = curves.iter().filter_map(value).collect();
        Hit { from, to, text: format!("{}  {}", percentile_label(point.percentile), values.join("  ")) }
    };
    longest.points.iter().enumerate().map(hit).filter(|hit| hit.to > hit.from).collect()
}

/// The share of the good replies in each bucket, by response time.
fn histogram(sheet: &Sheet<'_>) -> Markup {
    let buckets = |run: &Run<'_>| run.report.distributions.histogram.clone();
    let all: Vec<Bucket> = sheet.runs.iter().flat_map(buckets).collect();
    let least = all.iter().map(|bucket| bucket.from_us).fold(f64::INFINITY, f64::min);
    let most = all.iter().map(Bucket::to_us).fold(0.0, f64::max);
    if all.is_empty() {
        return html! {};
    }
    let of_runs: Vec<(&Run<'_>, Vec<Span>)> = sheet.runs.iter().map(|run| (run, spans(run))).collect();
    let highest = of_runs.iter().flat_map(|(_, spans)| spans).map(|span| span.high).fold(0.0, f64::max);
    let space = Space { x: Scale::logarithmic(least, most), y: Scale::from_zero(highest, PARTS) };
    let figure = Figure {
        legend: sheet.runs_legend(),
        plot: html! {
            @for (run, spans) in &of_runs {
                (space.area(run.class, spans))
                @if sheet.is_comparison() { (space.steps(run.class, spans)) }
            }
        },
        hits: bucket_hits(sheet, &all),
        ..Figure::new(
            "Histogram",
            space,
            Axis::new("response time of good replies", space.x.ticks(PARTS), short_time),
            Axis::new("% of good replies", space.y.ticks(PARTS), |share| format!("{share}")),
        )
    };
    figure.draw()
}

fn share(run: &Run<'_>, count: u64) -> f64 {
    let sum: u64 = run.report.distributions.histogram.iter().map(|bucket| bucket.count).sum();
    count as f64 / sum.max(1) as f64 * 100.0
}

fn spans(run: &Run<'_>) -> Vec<Span> {
    let span =
        |bucket: &Bucket| Span { from: bucket.from_us, to: bucket.to_us(), low: 0.0, high: share(run, bucket.count) };
    run.report.distributions.histogram.iter().map(span).collect()
}

/// A hit for each bucket that any run has.
fn bucket_hits(sheet: &Sheet<'_>, all: &[Bucket]) -> Vec<Hit> {
    let mut bounds: Vec<(f64, f64)> = all.iter().map(|bucket| (bucket.from_us, bucket.to_us())).collect();
    bounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    bounds.dedup();
    let hit = |(from, to): (f64, f64)| {
        let value = |run: &Run<'_>| {
            let found = run.report.distributions.histogram.iter().find(|bucket| bucket.from_us == from);
            let count = found.map_or(0, |bucket| bucket.count);
            let name = if run.name.is_empty() { String::new() } else { format!("{} ", run.name) };
            format!("{name}{} ({:.2} %)", grouped(count), share(run, count))
        };
        let values: Vec<String> = sheet.runs.iter().map(value).collect();
        Hit { from, to, text: format!("{} to {}  {}", time(from), time(to), values.join("  ")) }
    };
    bounds.into_iter().map(hit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_nine_is_as_far_as_the_one_before() {
        let places = TICKS.map(|percentile| (nines(percentile) * 1e3).round() / 1e3);
        assert_eq!(places, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
