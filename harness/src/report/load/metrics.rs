//! `--metrics`: the numbers of a run that goes on, for Prometheus.
//!
//! It takes what the workers hand over once a second, so that it adds nothing to the path of an operation. What was
//! planned in the ramp and the warm-up has a phase of its own; `run.json` counts the phase `measure` only.

mod buckets;

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use loadgen::outcome::Outcome;
use loadgen::outline::Outline;
use loadgen::recorder::{Interval, Measure};
use loadgen::timeline::NodeProgress;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::buckets::ResponseTimes;
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::record::{FaultNews, LoadRecord, ReportError};

/// The media type of [`MetricsPage::text`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A node in a phase of the run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Node {
    node: String,
    phase: &'static str,
}

/// A class of problems of a node in a phase of the run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Class {
    node: String,
    phase: &'static str,
    class: String,
}

/// A node for which operations wait, in whatever phase they were planned.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Waiting {
    node: String,
}

/// An event of the run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Event {
    event: u64,
    action: String,
}

/// Counts what the workers hand over.
#[derive(Default)]
pub struct Metrics {
    planned: Family<Node, Counter>,
    answered: Family<Node, Counter>,
    failed: Family<Class, Counter>,
    redirects: Family<Class, Counter>,
    errors: Family<Class, Counter>,
    not_sent: Family<Node, Counter>,
    response: Family<Node, ResponseTimes>,
    waiting: Family<Waiting, Gauge<i64, AtomicI64>>,
    events: Family<Event, Gauge>,
    /// The nodes for which operations waited at the end of the last second.
    awaited: Vec<String>,
    /// When the measured time begins, on the clock of the intervals.
    measured_from_ns: u64,
    is_open_loop: bool,
}

/// The page that Prometheus reads.
pub struct MetricsPage(Registry);

impl MetricsPage {
    /// Gives the page as it is now.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _written = encode(&mut text, &self.0);
        text
    }
}

impl Metrics {
    /// Returns the counters, and the page that shows them.
    #[must_use]
    pub fn new() -> (Self, MetricsPage) {
        let metrics = Self::default();
        let mut registry = Registry::with_prefix("rct");
        let node = "by node and phase (ramp and warm-up: warmup; afterwards: measure)";
        let mut add = |name: &str, help: &str, metric: Family<Node, Counter>| {
            registry.register(name, format!("{help}, {node}"), metric);
        };
        add(
            "operations_planned",
            "Operations that were planned; in closed loop those that ended",
            metrics.planned.clone(),
        );
        add("operations_answered", "Operations with a good reply", metrics.answered.clone());
        add("operations_not_sent", "Planned operations that the generator never reached", metrics.not_sent.clone());
        let mut add = |name: &str, help: &str, metric: Family<Class, Counter>| {
            registry.register(name, format!("{help}, by class, {node}"), metric);
        };
        add("operations_failed", "Operations that ended without a good reply", metrics.failed.clone());
        add("redirects", "MOVED and ASK", metrics.redirects.clone());
        add("errors", "All other errors; an operation that rct sends again counts each time", metrics.errors.clone());
        registry.register(
            "response_seconds",
            format!("Response times of good replies, {node}"),
            metrics.response.clone(),
        );
        let waiting = "Operations of open loop that have not ended, by the node that must answer or had them last";
        registry.register("operations_waiting", waiting, metrics.waiting.clone());
        registry.register("event_running", "1 while rct performs an event of --fault", metrics.events.clone());
        registry.register("build", "The version of rct", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        (metrics, MetricsPage(registry))
    }

    fn begin(&mut self, start_ns: u64, outline: &Outline) {
        let ramp = outline.open.as_ref().map_or(Duration::ZERO, |open| open.ramp);
        let before_ns = u64::try_from((ramp + outline.warmup).as_nanos()).unwrap_or(u64::MAX);
        self.measured_from_ns = start_ns.saturating_add(before_ns);
        self.is_open_loop = outline.open.is_some();
    }

    /// Sets how many operations wait for each node; none do for a node that the second does not name.
    fn wait(&mut self, nodes: &[NodeProgress]) {
        for node in nodes {
            let count = i64::try_from(node.waiting).unwrap_or(i64::MAX);
            self.waiting.get_or_create(&Waiting { node: node.address.clone() }).set(count);
        }
        let is_named = |address: &String| nodes.iter().any(|node| node.address == *address);
        for address in self.awaited.iter().filter(|address| !is_named(address)) {
            self.waiting.get_or_create(&Waiting { node: address.clone() }).set(0);
        }
        self.awaited = nodes.iter().filter(|node| node.waiting > 0).map(|node| node.address.clone()).collect();
    }

    fn add(&self, interval: &Interval) {
        let phase = if interval.from_ns < self.measured_from_ns { "warmup" } else { "measure" };
        for (address, counts) in &interval.nodes {
            let node = Node { node: address.to_string(), phase };
            let answered = counts.outcomes.of(Outcome::Ok);
            let planned = if self.is_open_loop { counts.planned } else { answered + counts.failed };
            self.planned.get_or_create(&node).inc_by(planned);
            self.answered.get_or_create(&node).inc_by(answered);
            self.not_sent.get_or_create(&node).inc_by(counts.not_sent);
            let class = |class: &str| Class { node: node.node.clone(), phase, class: class.to_owned() };
            for (name, count) in counts.unanswered.named() {
                self.failed.get_or_create(&class(&name)).inc_by(count);
            }
            for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok) {
                let count = counts.outcomes.of(outcome);
                let family = if outcome.is_redirect() { &self.redirects } else { &self.errors };
                if count > 0 {
                    family.get_or_create(&class(outcome.name())).inc_by(count);
                }
            }
        }
        for lane in &interval.lanes {
            if matches!(lane.measure, Measure::Response | Measure::ResponseAndService) {
                let node = Node { node: lane.node.to_string(), phase };
                self.response.get_or_create(&node).add(&lane.times);
            }
        }
    }
}

impl LoadReporter for Metrics {
    fn event(&mut self, event: &LoadEvent<'_>, _record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::LoadStarts { start_ns, outline } => self.begin(*start_ns, outline),
            LoadEvent::HandedOver { interval } => self.add(interval),
            LoadEvent::SecondEnded { progress, .. } => {
                self.wait(&progress.nodes);
            }
            LoadEvent::Fault { fault, news } => {
                let label = Event { event: fault.number as u64, action: fault.action.clone() };
                match news {
                    FaultNews::Began => self.events.get_or_create(&label).set(1),
                    FaultNews::Ended => self.events.get_or_create(&label).set(0),
                    FaultNews::Seen(_) => 0,
                };
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loadgen::Operation;
    use loadgen::keys::Distribution;
    use loadgen::recorder::Recorder;
    use loadgen::workload::{Generator, Sizes, Workload};
    use wire::Address;

    use super::*;

    fn operation() -> Operation {
        let workload = Workload::mix("GET:1", "", 100, Distribution::Uniform, Sizes::Fixed(8)).unwrap();
        Generator::new(Arc::new(workload), 1, 0, 1).draw(0)
    }

    #[test]
    fn a_page_counts_by_node_and_class_with_exact_edges() {
        let (mut metrics, page) = Metrics::new();
        let mut recorder = Recorder::new(1, false);
        recorder.add_node(Arc::new(Address::new("a", 1)));
        let operation = operation();
        // One on the edge of a bucket, and one right above it.
        recorder.ok(0, &operation, (1 << 20) - 1, None);
        recorder.ok(0, &operation, 1 << 20, None);
        recorder.problem(0, None, Outcome::Moved);
        recorder.problem(0, None, Outcome::ClusterDown);
        recorder.failed(0, &Operation { problem: Some(Outcome::ClusterDown), ..operation }, 5_000_000);
        metrics.add(&recorder.turn(1_000_000_000, 0, false));
        let text = page.text();
        for wanted in [
            "rct_operations_answered_total{node=\"a:1\",phase=\"measure\"} 2",
            "rct_operations_planned_total{node=\"a:1\",phase=\"measure\"} 3",
            "rct_operations_failed_total{node=\"a:1\",phase=\"measure\",class=\"cluster_down\"} 1",
            "rct_redirects_total{node=\"a:1\",phase=\"measure\",class=\"moved\"} 1",
            "rct_errors_total{node=\"a:1\",phase=\"measure\",class=\"cluster_down\"} 1",
            "rct_response_seconds_count{node=\"a:1\",phase=\"measure\"} 2",
            "rct_response_seconds_bucket{node=\"a:1\",phase=\"measure\",le=\"0.001048575\"} 1",
            "rct_response_seconds_bucket{node=\"a:1\",phase=\"measure\",le=\"0.002097151\"} 2",
            "rct_response_seconds_bucket{node=\"a:1\",phase=\"measure\",le=\"+Inf\"} 2",
            concat!("rct_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|line| line == wanted), "{wanted} is not in\n{text}");
        }
        let waits = |port: u16, waiting| NodeProgress {
            address: format!("a:{port}"),
            planned: 9,
            answered: 1,
            failed: 0,
            waiting,
        };
        metrics.wait(&[waits(1, 5), waits(2, 3)]);
        metrics.wait(&[waits(1, 7)]);
        for wanted in ["rct_operations_waiting{node=\"a:1\"} 7", "rct_operations_waiting{node=\"a:2\"} 0"] {
            assert!(page.text().lines().any(|line| line == wanted), "{wanted} is not in\n{}", page.text());
        }
        metrics.measured_from_ns = u64::MAX;
        recorder.ok(0, &operation, 5, None);
        metrics.add(&recorder.turn(2_000_000_000, 0, false));
        let wanted = "rct_operations_answered_total{node=\"a:1\",phase=\"warmup\"} 1";
        assert!(page.text().lines().any(|line| line == wanted), "{}", page.text());
    }
}
