//! The plane of a chart: it turns values into curves, areas, bands and signs.
//!
//! Curves and areas are drawn in a square that is stretched to the chart. Everything else has a position in percent.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::scale::Scale;
use crate::text::push;

/// The side of the square in which curves are drawn.
pub(super) const SIDE: f64 = 1_000.0;

/// A point of a curve, in the units of the axes; `None` interrupts the curve.
pub type Point = Option<(f64, f64)>;

/// A part of an area, such as a second: from where to where it reaches across, and from which value to which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// The value at its bottom.
    pub low: f64,
    /// The value at its top.
    pub high: f64,
}

/// The plane between two axes.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// The axis across.
    pub x: Scale,
    /// The upright axis.
    pub y: Scale,
}

impl Space {
    /// Draws a curve through points.
    pub fn line(self, class: &str, points: impl IntoIterator<Item = Point>) -> Markup {
        let mut path = String::new();
        let mut is_down = false;
        for point in points {
            if let Some((x, y)) = point {
                let pen = if is_down { 'L' } else { 'M' };
                // A point alone is a dot, because the ends of curves are round.
                let dot = if is_down { "" } else { "h0" };
                push(&mut path, format_args!("{pen}{} {}{dot}", self.across(x), self.up(y)));
            }
            is_down = point.is_some();
        }
        html! { @if !path.is_empty() { path class={ "curve " (class) } d=(path) {} } }
    }

    /// Draws the tops of spans as a curve with steps.
    pub fn steps(self, class: &str, spans: &[Span]) -> Markup {
        let mut path = String::new();
        let mut end = f64::NAN;
        for span in spans {
            let pen = if span.from <= end { 'L' } else { 'M' };
            push(
                &mut path,
                format_args!("{pen}{} {}H{}", self.across(span.from), self.up(span.high), self.across(span.to)),
            );
            end = span.to;
        }
        html! { path class={ "curve " (class) } d=(path) {} }
    }

    /// Fills spans from their bottoms to their tops.
    pub fn area(self, class: &str, spans: &[Span]) -> Markup {
        let mut path = String::new();
        for span in spans.iter().filter(|span| span.high > span.low) {
            let (from, to) = (self.across(span.from), self.across(span.to));
            let _written =
                write!(path, "M{from} {}V{}H{to}V{}z", self.up(span.low), self.up(span.high), self.up(span.low));
        }
        html! { @if !path.is_empty() { path class={ "area " (class) } d=(path) {} } }
    }

    /// Shades the whole height between two places, with an edge above the chart that no area hides.
    pub fn band(self, class: &str, from: f64, to: f64, title: &str) -> Markup {
        let (left, right) = (self.x.at(from), self.x.at(to));
        let (left, width) = (percent(left), percent(right - left));
        html! {
            g class={ "band " (class) } {
                title { (title) }
                rect x=(left) y="0" width=(width) height="100%" {}
                rect.edge x=(left) y="-4" width=(width) height="4" {}
            }
        }
    }

    /// Draws an upright line with a short text in one of the rows at its top.
    pub fn mark(self, class: &str, at: f64, text: &str, row: usize, title: &str) -> Markup {
        let share = self.x.at(at);
        let left = percent(share);
        // Where the text would leave the chart, it stands before the line.
        let (side, shift) = if share > 0.9 { ("before", "-3") } else { ("after", "3") };
        html! {
            g class={ "mark " (class) } {
                title { (title) }
                line x1=(left) x2=(left) y1="0" y2="100%" {}
                @if !text.is_empty() { text class=(side) x=(left) y=(11 + 13 * row) dx=(shift) { (text) } }
            }
        }
    }

    /// Writes a sign such as `×` at a point.
    pub fn sign(self, class: &str, (x, y): (f64, f64), text: &str) -> Markup {
        html! { text class={ "sign " (class) } x=(percent(self.x.at(x))) y=(percent(1.0 - self.y.at(y))) { (text) } }
    }

    fn across(self, x: f64) -> String {
        short(self.x.at(x) * SIDE)
    }

    fn up(self, y: f64) -> String {
        short((1.0 - self.y.at(y)) * SIDE)
    }
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{}%", (share * 1e4).round() / 100.0)
}

/// A coordinate with one decimal, which is finer than a screen.
fn short(coordinate: f64) -> String {
    format!("{}", (coordinate * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        Space { x: Scale::linear(0.0, 10.0), y: Scale::linear(0.0, 100.0) }
    }

    #[test]
    fn a_curve_has_gaps_where_there_is_no_value() {
        let drawn = space().line("p99", [Some((0.0, 0.0)), Some((5.0, 50.0)), None, Some((10.0, 100.0))]);
        assert_eq!(drawn.into_string(), r#"<path class="curve p99" d="M0 1000h0L500 500M1000 0h0"></path>"#);
    }

    #[test]
    fn spans_become_steps_and_areas() {
        let span = |from, to, low, high| Span { from, to, low, high };
        let spans = [span(0.0, 1.0, 0.0, 100.0), span(1.0, 2.0, 0.0, 50.0), span(5.0, 6.0, 0.0, 0.0)];
        let steps = space().steps("planned", &spans).into_string();
        assert_eq!(steps, r#"<path class="curve planned" d="M0 0H100L100 500H200M500 1000H600"></path>"#);
        let area = space().area("answered", &spans).into_string();
        assert_eq!(area, r#"<path class="area answered" d="M0 1000V0H100V1000zM100 1000V500H200V1000z"></path>"#);
        assert_eq!(space().area("failed", &spans[2..]).into_string(), "");
    }

    #[test]
    fn bands_and_marks_are_in_percent() {
        let band = space().band("fault", 2.5, 5.0, "pause").into_string();
        assert!(band.contains(r#"<title>pause</title><rect x="25%" y="0" width="25%" height="100%">"#), "{band}");
        let mark = space().mark("event", 5.0, "1", 1, "<kill>").into_string();
        assert!(mark.contains("x1=\"50%\"") && mark.contains("&lt;kill&gt;"), "{mark}");
        assert!(mark.contains(r#"<text class="after" x="50%" y="24" dx="3">1</text>"#), "{mark}");
    }
}
