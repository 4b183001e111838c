//! The timeline of a run as charts draw it: columns of equal length, each of one second or more.

use std::collections::BTreeMap;

use loadgen::report::LoadReport;
use loadgen::timeline::{Brief, NodeWindow, Part, Window};

use crate::report::load::rows::time;

/// The most columns of a chart, which bounds the size of the page.
const COLUMNS_MOST: f64 = 240.0;

/// The shortest rest of a run that gets a column, in seconds.
const DRAIN_LEAST_S: f64 = 0.1;

/// The percentiles of a column, by their names in `run.json`.
pub(super) const PERCENTILES: [&str; 4] = ["p50", "p90", "p99", "max"];

/// A part of the timeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    /// Where it begins, in seconds from the start of the load.
    pub(super) from_s: f64,
    /// Where it ends.
    pub(super) to_s: f64,
    /// The part of the run in which it begins; `None` if it is the measured time.
    pub(super) unmeasured: Option<&'static str>,
    pub(super) planned: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) not_sent: u64,
    /// Problems by class, such as `moved`.
    pub(super) problems: BTreeMap<String, u64>,
    /// Operations without a good reply, by the last problem of each.
    pub(super) unanswered: BTreeMap<String, u64>,
    pub(super) times: Option<Times>,
    /// By address.
    pub(super) nodes: BTreeMap<String, NodeColumn>,
}

/// The part of one node in a column.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeColumn {
    pub(super) planned: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) times: Option<Times>,
}

/// Response times, in the order of [`PERCENTILES`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Times {
    /// In microseconds; `None` if the run did not record it.
    pub(super) us: [Option<f64>; 4],
    /// Whether the operation at this percentile got no good reply.
    pub(super) is_unanswered: [bool; 4],
}

impl Times {
    /// Returns a percentile as a person reads it: `312 us`, or `≥ 2.00 s` if the operation got no answer.
    pub(super) fn text(&self, at: usize) -> Option<String> {
        let time = time(self.us[at]?);
        Some(if self.is_unanswered[at] { format!("≥ {time}") } else { time })
    }
}

/// Returns the length of the columns of a timeline that ends at `end_s`, in seconds: a whole number.
pub(super) fn column_s(end_s: f64) -> f64 {
    (end_s / COLUMNS_MOST).ceil().max(1.0)
}

/// Returns the columns of a run. Of several seconds in a column, counts add up, and the largest time of each
/// percentile counts.
pub(super) fn columns(report: &LoadReport, column_s: f64) -> Vec<Column> {
    let mut columns: Vec<(u64, Column)> = Vec::new();
    for window in report.windows.iter().filter(|window| window.part != Part::Drain || window.length_s >= DRAIN_LEAST_S)
    {
        let number = ((window.at_s + window.length_s / 2.0) / column_s) as u64;
        match columns.last_mut() {
            Some((last, column)) if *last == number => column.add(window),
            _ => {
                let unmeasured = match window.part {
                    Part::Measure => None,
                    Part::Ramp => Some("ramp"),
                    Part::Warmup => Some("warm-up"),
                    Part::Drain => Some("rest"),
                };
                let mut column = Column { from_s: window.at_s, unmeasured, ..Column::default() };
                column.add(window);
                columns.push((number, column));
            }
        }
    }
    columns.into_iter().map(|(_, column)| column).collect()
}

impl Column {
    fn add(&mut self, window: &Window) {
        self.to_s = window.at_s + window.length_s;
        self.planned += window.planned;
        self.answered += window.operations;
        self.failed += window.failed;
        self.not_sent += window.not_sent;
        add_counts(&mut self.problems, &window.outcomes);
        add_counts(&mut self.unanswered, &window.unanswered);
        self.times = largest(self.times, window.response_us.as_ref());
        for node in &window.nodes {
            self.nodes.entry(node.address.clone()).or_default().add(node);
        }
    }

    /// Returns how many operations of the column are known to have ended, or never began.
    pub(super) fn ended(&self) -> u64 {
        self.answered + self.failed + self.not_sent
    }

    /// Returns a count of the column per second.
    pub(super) fn per_s(&self, count: u64) -> f64 {
        count as f64 / (self.to_s - self.from_s).max(1e-3)
    }
}

impl NodeColumn {
    fn add(&mut self, window: &NodeWindow) {
        self.planned += window.planned;
        self.answered += window.operations;
        self.failed += window.failed;
        self.times = largest(self.times, window.response_us.as_ref());
    }
}

fn add_counts(sums: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts.iter().filter(|(_, count)| **count > 0) {
        *sums.entry(name.clone()).or_default() += count;
    }
}

/// The larger time of each percentile.
fn largest(before: Option<Times>, brief: Option<&Brief>) -> Option<Times> {
    let Some(brief) = brief else { return before };
    let us = [Some(brief.p50), brief.p90, Some(brief.p99), Some(brief.max)];
    let is_unanswered = PERCENTILES.map(|name| brief.no_answer.iter().any(|other| other == name));
    let Some(before) = before else { return Some(Times { us, is_unanswered }) };
    let larger = |at: usize| match (before.us[at], us[at]) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    };
    Some(Times {
        us: std::array::from_fn(larger),
        is_unanswered: std::array::from_fn(|at| before.is_unanswered[at] || is_unanswered[at]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_never_shorter_than_a_second() {
        assert_eq!([5.0, 240.0, 241.0, 3_600.0].map(column_s), [1.0, 1.0, 2.0, 15.0]);
    }

    #[test]
    fn of_several_seconds_the_largest_times_count() {
        let brief = |p50, p99, no_answer: &[&str]| Brief {
            p50,
            p90: None,
            p99,
            max: 9.0,
            no_answer: no_answer.iter().map(|&name| name.to_owned()).collect(),
        };
        let times = largest(largest(None, Some(&brief(1.0, 8.0, &[]))), Some(&brief(2.0, 4.0, &["max"])));
        let wanted = Times { us: [Some(2.0), None, Some(8.0), Some(9.0)], is_unanswered: [false, false, false, true] };
        assert_eq!(times, Some(wanted));
        assert_eq!(largest(times, None), times);
    }
}
