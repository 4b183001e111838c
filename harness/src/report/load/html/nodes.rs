//! A small chart of throughput and one of p99 for each node.

use std::collections::BTreeSet;

use loadgen::report::NodeReport;
use maud::{Markup, html};

use super::courses::{common_hits, scale_of};
use super::series::{Column, NodeColumn};
use super::sheet::{Run, Sheet};
use crate::report::chart::{Axis, Figure, Scale, Space, Span, compact, linear_and_logarithmic, short_time, swatch};
use crate::report::load::rows::grouped;
use crate::text::printable;

/// The most nodes that get charts.
const NODES_MOST: usize = 48;

/// The parts of an upright axis of a small chart, at most.
const PARTS: u32 = 3;

/// The place of p99 in the times of a column.
const P99: usize = 2;

/// Whose operations a chart of a node has.
const PLANNED_NOTE: &str = "An operation is planned for the node that serves its slot as far as rct knows then. \
    After a failover or redirect another node answers it.";

/// A node in the charts: its address in each run.
struct Node<'a> {
    in_runs: Vec<Option<&'a NodeReport>>,
}

/// Returns the section. All charts of a kind have the same scale.
pub(super) fn section(sheet: &Sheet<'_>) -> Markup {
    let nodes = nodes(sheet);
    let columns = || sheet.runs.iter().flat_map(|run| &run.columns);
    let rate = |column: &Column, node: &NodeColumn| column.per_s(node.planned.max(node.answered + node.failed));
    let most = columns().flat_map(|column| column.nodes.values().map(|node| rate(column, node))).fold(0.0, f64::max);
    let rates = Scale::from_zero(most, PARTS);
    html! {
        @if !nodes.is_empty() {
            section #nodes {
                h2 { "Nodes" }
                p.keys {
                    @if sheet.is_comparison() { (sheet.runs_legend()) } @else {
                        (swatch("area answered", "answered"))
                        @if sheet.runs.iter().any(|run| run.report.failed > 0) { (swatch("area failed", "no answer")) }
                        @if sheet.is_open_loop() { (swatch("curve planned", "planned")) }
                        (swatch("curve p99", "p99"))
                    }
                    (sheet.happenings_legend())
                }
                @if sheet.is_open_loop() && sheet.has_events() { p.note { (PLANNED_NOTE) } }
                div.nodes {
                    @for node in nodes.iter().take(NODES_MOST) {
                        article.node {
                            h3 { (title(sheet, node)) }
                            (throughput(sheet, node, rates).draw())
                            (linear_and_logarithmic(|is_logarithmic| p99(sheet, node, is_logarithmic)))
                        }
                    }
                }
                @if nodes.len() > NODES_MOST { p.note { "The other " (nodes.len() - NODES_MOST) " nodes are in the table of times." } }
            }
        }
    }
}

/// The nodes of the runs. Two runs share a node if they name it by the same address; if they share no address, as runs
/// on clusters of rct's own, the first node of one is compared with the first node of the other.
fn nodes<'a>(sheet: &Sheet<'a>) -> Vec<Node<'a>> {
    let addresses = |run: &Run<'a>| run.report.nodes.iter().map(|node| &*node.address).collect::<Vec<&'a str>>();
    let all: Vec<Vec<&str>> = sheet.runs.iter().map(addresses).collect();
    let is_shared = all.len() > 1 && all[0].iter().any(|address| all[1].contains(address));
    if all.len() > 1 && !is_shared {
        let most = all.iter().map(Vec::len).max().unwrap_or(0);
        return (0..most)
            .map(|at| Node { in_runs: sheet.runs.iter().map(|run| run.report.nodes.get(at)).collect() })
            .collect();
    }
    let names: BTreeSet<&str> = all.into_iter().flatten().collect();
    let of = |run: &Run<'a>, name: &str| run.report.nodes.iter().find(|node| node.address == name);
    names.into_iter().map(|name| Node { in_runs: sheet.runs.iter().map(|run| of(run, name)).collect() }).collect()
}

/// The address and role of a node; of two runs with different addresses both.
fn title(sheet: &Sheet<'_>, node: &Node<'_>) -> Markup {
    let mut names: Vec<(&str, &str, &str)> = Vec::new();
    for (run, report) in sheet.runs.iter().zip(&node.in_runs) {
        let Some(report) = report else { continue };
        if !names.iter().any(|(_, address, role)| (*address, *role) == (&*report.address, &*report.role)) {
            names.push((run.name, &report.address, &report.role));
        }
    }
    // Of two runs, a node that both have with the same role needs no name of a run.
    let is_one = names.len() == 1 && node.in_runs.iter().all(Option::is_some);
    html! {
        @for (run, address, role) in names {
            span { @if !is_one { (run) " " } code { (printable(address)) } " " span.level { (printable(role)) } } " "
        }
    }
}

/// A node's part of each column of a run; a column without it is a time in which it did nothing.
fn parts<'r>(run: &'r Run<'_>, report: Option<&NodeReport>) -> Vec<(&'r Column, NodeColumn)> {
    let Some(report) = report else { return Vec::new() };
    run.columns.iter().map(|column| (column, column.nodes.get(&report.address).cloned().unwrap_or_default())).collect()
}

fn throughput(sheet: &Sheet<'_>, node: &Node<'_>, rates: Scale) -> Figure {
    let space = Space { x: sheet.time(), y: rates };
    let mut plot = Vec::new();
    for (run, report) in sheet.runs.iter().zip(&node.in_runs) {
        let parts = parts(run, *report);
        let spans = |low: fn(&NodeColumn) -> u64, high: fn(&NodeColumn) -> u64| -> Vec<Span> {
            let span = |(column, part): &(&Column, NodeColumn)| Span {
                from: column.from_s,
                to: column.to_s,
                low: column.per_s(low(part)),
                high: column.per_s(high(part)),
            };
            parts.iter().map(span).collect()
        };
        if sheet.is_comparison() {
            plot.push(space.steps(run.class, &spans(|_| 0, |part| part.answered)));
            continue;
        }
        plot.push(space.area("answered", &spans(|_| 0, |part| part.answered)));
        plot.push(space.area("failed", &spans(|part| part.answered, |part| part.answered + part.failed)));
        if run.report.mode == "open" {
            plot.push(space.steps("planned", &spans(|_| 0, |part| part.planned)));
        }
    }
    Figure {
        size: "small",
        back: sheet.bands(space),
        front: sheet.marks(space),
        plot: html! { @for part in &plot { (part) } },
        hits: common_hits(sheet, |run, column| {
            let part = of_run(sheet, node, run).and_then(|report| column.nodes.get(&report.address));
            grouped(part.map_or(0.0, |part| column.per_s(part.answered)).round() as u64) + "/s"
        }),
        ..Figure::new("", space, sheet.short_time_axis(), Axis::new("operations/s", rates.ticks(PARTS), compact))
    }
}

fn p99(sheet: &Sheet<'_>, node: &Node<'_>, is_logarithmic: bool) -> Figure {
    let columns = sheet.runs.iter().flat_map(|run| &run.columns);
    let all = columns.flat_map(|column| column.nodes.values().filter_map(|part| part.times?.us[P99]));
    let space = Space { x: sheet.time(), y: scale_of(all, is_logarithmic) };
    let curve = |run: &Run<'_>, report: Option<&NodeReport>| {
        let point = |(column, part): &(&Column, NodeColumn)| {
            Some((f64::midpoint(column.from_s, column.to_s), part.times?.us[P99]?))
        };
        let class = if sheet.is_comparison() { run.class } else { "p99" };
        space.line(class, parts(run, report).iter().map(point).collect::<Vec<_>>())
    };
    Figure {
        size: "small",
        back: sheet.bands(space),
        front: sheet.marks(space),
        plot: html! { @for (run, report) in sheet.runs.iter().zip(&node.in_runs) { (curve(run, *report)) } },
        hits: common_hits(sheet, |run, column| {
            let part = of_run(sheet, node, run).and_then(|report| column.nodes.get(&report.address));
            part.and_then(|part| part.times?.text(P99)).unwrap_or_else(|| "-".to_owned())
        }),
        ..Figure::new(
            "",
            space,
            sheet.short_time_axis(),
            Axis::new("p99 of the response time", space.y.ticks(PARTS), short_time),
        )
    }
}

/// The node in one of the runs.
fn of_run<'a>(sheet: &Sheet<'_>, node: &Node<'a>, run: &Run<'_>) -> Option<&'a NodeReport> {
    let at = sheet.runs.iter().position(|other| other.class == run.class)?;
    node.in_runs[at]
}
