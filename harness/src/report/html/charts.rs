//! Times of a run: what the checks measured, such as the course of each failover, and which checks took longest.

use maud::{Markup, html};

use crate::record::{CheckRecord, Measured, Record};
use crate::report::chart::round_step;
use crate::text::{count, milliseconds, printable};

/// How many of the slowest checks are shown.
const SLOWEST: usize = 10;

/// The parts of the axis above the measured times, at most.
const PARTS: u32 = 6;

/// How many colours points have.
const COLOURS: usize = 5;

/// Returns the sections.
pub(super) fn section(record: &Record) -> Markup {
    html! {
        (measured(record))
        (slowest(record))
    }
}

/// The measured times of each check on a common axis that begins at the event, such as the death of a primary. Those
/// with several times, such as the steps of a failover, come first.
fn measured(record: &Record) -> Markup {
    let in_ms = |check: &CheckRecord| -> Vec<Measured> {
        let mut times: Vec<_> = check.measured.iter().filter(|measured| measured.unit == "ms").cloned().collect();
        times.sort_by(|one, other| one.value.total_cmp(&other.value));
        times
    };
    let all = record.checks.iter().map(|check| (check, in_ms(check))).filter(|(_, times)| !times.is_empty());
    let (several, single): (Vec<_>, Vec<_>) = all.partition(|(_, times)| times.len() > 1);
    let most = several.iter().chain(&single).flat_map(|(_, times)| times).map(|time| time.value).fold(0.0, f64::max);
    if most <= 0.0 {
        return html! {};
    }
    let step = round_step(most, PARTS);
    let parts = (most / step).ceil();
    let rows = |checks: &[(&CheckRecord, Vec<Measured>)]| {
        html! {
            div.times {
                (axis(step, parts))
                @for (check, times) in checks { (timeline(check, times, step * parts)) }
            }
        }
    };
    html! {
        section #measured {
            h2 { "Measured times" }
            p.note { "A point is a time that a check measured. Time 0 is the fault or command of the check, such as the death of a primary." }
            @if several.is_empty() { (rows(&single)) } @else {
                (rows(&several))
                @if !single.is_empty() {
                    details.more {
                        summary { (count(single.len(), "check")) " with one time" }
                        (rows(&single))
                    }
                }
            }
        }
    }
}

fn axis(step: f64, parts: f64) -> Markup {
    html! {
        div.time.axis {
            span {}
            div.track {
                @for tick in 0..=parts as u32 {
                    span.tick style=(left(f64::from(tick) / parts)) { (axis_label(f64::from(tick) * step)) }
                }
            }
        }
    }
}

/// A row: the points of a check, each with a colour, and the same colour at its name.
fn timeline(check: &CheckRecord, times: &[Measured], end: f64) -> Markup {
    let last = times.last().map_or(0.0, |time| time.value);
    let colour = |at: usize| format!("c{}", at % COLOURS);
    html! {
        div.time {
            a href={ "#" (printable(&check.id)) } { (printable(&check.id)) }
            div.track {
                i.bar style={ "width:" (percent(last / end)) } {}
                @for (at, time) in times.iter().enumerate() {
                    i class={ "point " (colour(at)) } style=(left(time.value / end)) title={ (printable(&time.name)) " " (milliseconds(time.value)) } {}
                }
            }
            span.values {
                @for (at, time) in times.iter().enumerate() {
                    span.value { i class={ "dot " (colour(at)) } {} (printable(&time.name)) " " (milliseconds(time.value)) } " "
                }
            }
        }
    }
}

fn slowest(record: &Record) -> Markup {
    let mut checks: Vec<_> = record.checks.iter().filter(|check| check.duration_ms > 0.0).collect();
    checks.sort_by(|one, other| other.duration_ms.total_cmp(&one.duration_ms));
    checks.truncate(SLOWEST);
    let most = checks.first().map_or(1.0, |check| check.duration_ms);
    html! {
        @if !checks.is_empty() {
            section #slowest {
                h2 { "Slowest checks" }
                div.times {
                    @for check in checks {
                        div.time {
                            a href={ "#" (printable(&check.id)) } { (printable(&check.id)) }
                            div.track { i.bar style={ "width:" (percent(check.duration_ms / most)) } {} }
                            span.values { (milliseconds(check.duration_ms)) }
                        }
                    }
                }
            }
        }
    }
}

fn axis_label(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms} ms") } else { format!("{} s", ms / 1000.0) }
}

fn left(share: f64) -> String {
    format!("left:{}", percent(share))
}

fn percent(share: f64) -> String {
    format!("{:.1}%", (share * 100.0).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_their_unit() {
        assert_eq!([0.0, 500.0, 2000.0, 2500.0].map(axis_label), ["0 ms", "500 ms", "2 s", "2.5 s"]);
    }
}
