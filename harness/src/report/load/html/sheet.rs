//! What all charts of a page share: the runs, the axis of time, and what happened during the runs.

use loadgen::outage::Outage;
use loadgen::report::LoadReport;
use maud::{Markup, html};

use super::series::{Column, column_s, columns};
use crate::record::{FaultRecord, LoadRecord};
use crate::report::chart::{Axis, Scale, Space, seconds_label, swatch};
use crate::report::load::events::head;
use crate::text::printable;

/// The parts of an axis of time, at most.
const PARTS: u32 = 8;

/// The shortest outage that is shaded, in seconds.
const OUTAGE_LEAST_S: f64 = 0.05;

/// The shortest fault that is shaded, in seconds; a kill takes less.
const FAULT_LEAST_S: f64 = 0.2;

/// A run in the charts.
pub(super) struct Run<'a> {
    /// Its name in legends; empty if it is the only one.
    pub(super) name: &'static str,
    /// The class of its curves.
    pub(super) class: &'static str,
    pub(super) events: &'a [FaultRecord],
    pub(super) report: &'a LoadReport,
    pub(super) columns: Vec<Column>,
}

/// The runs of a page: one, or two that are compared.
pub(super) struct Sheet<'a> {
    pub(super) runs: Vec<Run<'a>>,
    /// Where the axis of time ends, in seconds.
    pub(super) end_s: f64,
    /// The length of a column, in seconds.
    pub(super) column_s: f64,
}

impl<'a> Sheet<'a> {
    /// Makes the sheet of one run that has numbers.
    pub(super) fn of(record: &'a LoadRecord, report: &'a LoadReport) -> Self {
        Self::of_all(&[("", "one", record, report)])
    }

    /// Makes the sheet of two runs that have numbers.
    pub(super) fn of_two(older: (&'a LoadRecord, &'a LoadReport), newer: (&'a LoadRecord, &'a LoadReport)) -> Self {
        Self::of_all(&[("older", "older", older.0, older.1), ("newer", "newer", newer.0, newer.1)])
    }

    fn of_all(runs: &[(&'static str, &'static str, &'a LoadRecord, &'a LoadReport)]) -> Self {
        let end_s = |report: &LoadReport| report.windows.last().map_or(0.0, |window| window.at_s + window.length_s);
        let longest_s = runs.iter().map(|(.., report)| end_s(report)).fold(0.0, f64::max);
        let column_s = column_s(longest_s);
        let run = |&(name, class, record, report): &(&'static str, &'static str, &'a LoadRecord, &'a LoadReport)| Run {
            name,
            class,
            events: &record.events,
            report,
            columns: columns(report, column_s),
        };
        let runs: Vec<Run<'a>> = runs.iter().map(run).collect();
        let shown_s = runs.iter().filter_map(|run| run.columns.last()).map(|column| column.to_s).fold(0.0, f64::max);
        Self { runs, end_s: shown_s.max(1.0), column_s }
    }

    /// Whether two runs are compared.
    pub(super) fn is_comparison(&self) -> bool {
        self.runs.len() > 1
    }

    /// Whether anything happened in a run.
    pub(super) fn has_events(&self) -> bool {
        self.runs.iter().any(|run| !run.events.is_empty())
    }

    /// Whether any run planned its operations.
    pub(super) fn is_open_loop(&self) -> bool {
        self.runs.iter().any(|run| run.report.mode == "open")
    }

    /// The scale of time.
    pub(super) fn time(&self) -> Scale {
        Scale::linear(0.0, self.end_s)
    }

    /// The axis of time.
    pub(super) fn time_axis(&self) -> Axis {
        self.time_axis_of(PARTS)
    }

    /// The axis of time of a small chart.
    pub(super) fn short_time_axis(&self) -> Axis {
        self.time_axis_of(PARTS / 2)
    }

    fn time_axis_of(&self, parts: u32) -> Axis {
        Axis::new("", self.time().ticks_of_seconds(parts), |at_s| seconds_label(at_s, self.end_s))
    }

    /// Names a part of the timeline: `12–13 s`.
    pub(super) fn span(&self, column: &Column) -> String {
        let part = column.unmeasured.map_or(String::new(), |part| format!(" ({part})"));
        let short = |at_s: f64| (at_s * 10.0).round() / 10.0;
        format!("{}–{} s{part}", short(column.from_s), short(column.to_s))
    }

    /// The outages of shards during a column, in a few words; empty if there was none.
    pub(super) fn outages(&self, run: &Run<'_>, column: &Column) -> String {
        let during = shaded(run).into_iter().filter(|(from_s, to_s, _)| *from_s < column.to_s && *to_s > column.from_s);
        let shards: Vec<String> = during.map(|(_, _, outage)| outage.shard.to_string()).collect();
        match (&shards[..], self.is_comparison()) {
            ([], _) | (_, true) => String::new(),
            ([shard], _) => format!("  outage: shard {shard}"),
            _ => format!("  outage: shards {}", shards.join(", ")),
        }
    }

    /// Bands for the time that is not measured, for faults and for the outages of shards.
    pub(super) fn bands(&self, space: Space) -> Markup {
        html! {
            @for run in &self.runs {
                @for column in run.columns.iter().filter(|_| !self.is_comparison()) {
                    @if let Some(part) = column.unmeasured { (space.band("unmeasured", column.from_s, column.to_s, part)) }
                }
                @for (from_s, to_s, outage) in shaded(run) {
                    (space.band(&format!("outage {}", run.class), from_s, to_s, &outage_title(run, outage)))
                }
                @for (from_s, fault) in lasting(run) {
                    (space.band("fault", from_s, fault.ended_s.unwrap_or(self.end_s), &fault_title(run, fault)))
                }
            }
        }
    }

    /// A mark with its number for each event.
    pub(super) fn marks(&self, space: Space) -> Markup {
        html! {
            @for (row, run) in self.runs.iter().enumerate() {
                @for fault in run.events {
                    @if let Some(began_s) = fault.began_s {
                        (space.mark(&format!("event {}", run.class), began_s, &self.number(run, fault), row, &fault_title(run, fault)))
                    }
                }
            }
        }
    }

    /// The number of an event in the charts; of two runs, with the name of the run.
    pub(super) fn number(&self, run: &Run<'_>, fault: &FaultRecord) -> String {
        format!("{} {}", run.name, fault.number).trim_start().to_owned()
    }

    /// The events with their numbers in the charts; nothing if there are none.
    pub(super) fn happenings(&self) -> Markup {
        html! {
            @if self.has_events() {
                ul.happenings {
                    @for run in &self.runs {
                        @for fault in run.events { li { strong { (self.number(run, fault)) } " " (head(fault)) } }
                    }
                }
            }
        }
    }

    /// What bands and marks mean; nothing if there are none.
    pub(super) fn happenings_legend(&self) -> Markup {
        let has_unmeasured = self.runs.iter().any(|run| run.columns.iter().any(|column| column.unmeasured.is_some()));
        html! {
            @if has_unmeasured && !self.is_comparison() { (swatch("band unmeasured", "not measured")) }
            @if self.has_events() { (swatch("mark-line", "event")) }
            @if self.runs.iter().any(|run| !lasting(run).is_empty()) { (swatch("band fault", "fault lasts")) }
            @for run in self.runs.iter().filter(|run| !shaded(run).is_empty()) {
                (swatch(&format!("band outage {}", run.class), &title_of(run, "outage of a shard")))
            }
        }
    }

    /// What the curves of the runs are called; nothing if there is one run.
    pub(super) fn runs_legend(&self) -> Markup {
        html! { @if self.is_comparison() { @for run in &self.runs { (swatch(&format!("curve {}", run.class), run.name)) } } }
    }
}

/// The outages of a run that are shaded: one for each event and shard, from the first to the last second of any class.
fn shaded<'a>(run: &Run<'a>) -> Vec<(f64, f64, &'a Outage)> {
    let mut all: Vec<(f64, f64, &Outage)> = Vec::new();
    for outage in run.report.outages.iter().filter(|outage| outage.outage_s >= OUTAGE_LEAST_S) {
        let end_s = run.columns.last().map_or(0.0, |column| column.to_s);
        let to_s = outage.first_good_s.unwrap_or(end_s);
        let from_s = outage.last_good_s.unwrap_or(to_s - outage.outage_s);
        match all.iter_mut().find(|(_, _, other)| (other.event, other.shard) == (outage.event, outage.shard)) {
            Some((from, to, _)) => (*from, *to) = (from.min(from_s), to.max(to_s)),
            None => all.push((from_s, to_s, outage)),
        }
    }
    all
}

/// The faults that lasted for some time, each with its beginning.
fn lasting<'a>(run: &Run<'a>) -> Vec<(f64, &'a FaultRecord)> {
    let lasts = |fault: &&FaultRecord| match (fault.began_s, fault.ended_s) {
        (Some(began_s), Some(ended_s)) => ended_s - began_s >= FAULT_LEAST_S,
        (began_s, _) => began_s.is_some(),
    };
    run.events.iter().filter(lasts).filter_map(|fault| Some((fault.began_s?, fault))).collect()
}

fn fault_title(run: &Run<'_>, fault: &FaultRecord) -> String {
    title_of(run, &printable(&fault.action))
}

fn outage_title(run: &Run<'_>, outage: &Outage) -> String {
    title_of(run, &format!("outage of shard {} ({})", outage.shard, printable(&outage.slots)))
}

fn title_of(run: &Run<'_>, text: &str) -> String {
    if run.name.is_empty() { text.to_owned() } else { format!("{}: {text}", run.name) }
}
