//! The metrics of gates: their names, which are those of `run.json`, and where a report has their values.

use std::collections::BTreeSet;

use loadgen::LoadReport;
use loadgen::recorder::Class;
use loadgen::report::Percentiles;

use crate::record::gate::GateUnit;

/// Reads a value from a report; `None` if the run has no such value.
type ReadValue = fn(&LoadReport) -> Option<f64>;

/// The metrics that are one number of the whole run.
const NUMBERS: &[(&str, GateUnit, ReadValue)] = &[
    ("answered", GateUnit::Share, answered_share),
    ("failed", GateUnit::Plain, |report| Some(report.failed as f64)),
    ("not_sent", GateUnit::Plain, |report| Some(report.not_sent as f64)),
    ("operations", GateUnit::Plain, |report| Some(report.operations as f64)),
    ("operations_per_s", GateUnit::Plain, |report| Some(report.operations_per_s)),
    ("hit_ratio", GateUnit::Share, |report| report.hit_ratio),
    ("outage.reads", GateUnit::Us, |report| longest_outage(report, Class::Reads)),
    ("outage.writes", GateUnit::Us, |report| longest_outage(report, Class::Writes)),
    ("client_cpu_us_per_operation", GateUnit::Us, |report| Some(report.client_cpu_us_per_operation)),
    ("client_memory_mb", GateUnit::Plain, |report| Some(report.client_memory_mb)),
    (LOST, GateUnit::Plain, |report| Some(report.verify.as_ref()?.lost? as f64)),
    (STALE, GateUnit::Plain, |report| Some(report.verify.as_ref()?.stale as f64)),
    (CORRUPT, GateUnit::Plain, |report| Some(report.verify.as_ref()?.corrupt as f64)),
    (IN_DOUBT, GateUnit::Plain, |report| Some(report.verify.as_ref()?.in_doubt as f64)),
    (UNCONFIRMED, GateUnit::Plain, |report| Some(report.wait.as_ref()?.unconfirmed as f64)),
];

/// The metrics of `--verify` and `--wait`.
const LOST: &str = "lost";
const STALE: &str = "stale";
const CORRUPT: &str = "corrupt";
const IN_DOUBT: &str = "in_doubt";
const UNCONFIRMED: &str = "unconfirmed";

/// Takes the percentiles of one kind of time out of a report.
type TimesReader = fn(&LoadReport) -> &Percentiles;

/// The times of the whole run.
const TIMES: &[(&str, TimesReader)] = &[
    ("response", |report| &report.latency_us.response),
    ("answered", |report| &report.latency_us.answered),
    ("service", |report| &report.latency_us.service),
    ("send_lag", |report| &report.latency_us.send_lag),
];

/// Takes one value out of the percentiles.
type PercentileReader = fn(&Percentiles) -> f64;

/// The percentiles of each time.
const PERCENTILES: &[(&str, PercentileReader)] = &[
    ("p50", |times| times.p50),
    ("p90", |times| times.p90),
    ("p95", |times| times.p95),
    ("p99", |times| times.p99),
    ("p999", |times| times.p999),
    ("p9999", |times| times.p9999),
    ("max", |times| times.max),
    ("mean", |times| times.mean),
];

/// The word that stands before the address of a node.
const NODE: &str = "node.";

/// What a gate looks at.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    /// The name as typed.
    pub(super) name: String,
    /// What its values count.
    pub(super) unit: GateUnit,
    source: Source,
}

/// Where a report has the values of a metric.
#[derive(Debug, Clone)]
enum Source {
    Number(ReadValue),
    Times(fn(&LoadReport) -> &Percentiles, fn(&Percentiles) -> f64),
    Command(String, fn(&Percentiles) -> f64),
    /// A node by its address, or every node.
    Node(Option<String>, fn(&Percentiles) -> f64),
}

/// A value of a metric in one run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    /// The node that has it, if the metric belongs to nodes.
    pub(super) node: Option<String>,
    pub(super) value: f64,
    /// Whether it is a percentile that falls among operations without a good reply, so that the value is the least possible.
    pub(super) no_answer: bool,
}

impl Metric {
    /// Finds a metric by its name; `commands` are the commands of the workload.
    pub(super) fn find(name: &str, commands: &[String]) -> Option<Self> {
        let found = |unit, source| Some(Self { name: name.to_owned(), unit, source });
        if let Some(&(_, unit, read)) = NUMBERS.iter().find(|(known, ..)| *known == name) {
            return found(unit, Source::Number(read));
        }
        let (scope, percentile) = name.rsplit_once('.')?;
        let &(_, read) = PERCENTILES.iter().find(|(known, _)| *known == percentile)?;
        if let Some(&(_, times)) = TIMES.iter().find(|(known, _)| *known == scope) {
            return found(GateUnit::Us, Source::Times(times, read));
        }
        match scope.strip_prefix(NODE) {
            Some("*") => return found(GateUnit::Us, Source::Node(None, read)),
            Some(address) if !address.is_empty() => {
                return found(GateUnit::Us, Source::Node(Some(address.to_owned()), read));
            }
            _ => {}
        }
        let command = commands.iter().find(|command| command.eq_ignore_ascii_case(scope))?;
        found(GateUnit::Us, Source::Command(command.clone(), read))
    }

    /// Returns the option without which rct does not measure the metric.
    pub(super) fn needed_option(&self) -> Option<&'static str> {
        match &*self.name {
            LOST | STALE | CORRUPT | IN_DOUBT => Some("--verify"),
            UNCONFIRMED => Some("--wait"),
            _ => None,
        }
    }

    /// Returns whether the metric counts wrong values. Such a count holds whether the generator was late or not.
    pub(super) fn counts_wrong_values(&self) -> bool {
        matches!(&*self.name, LOST | STALE | CORRUPT)
    }

    /// Returns why the value of the metric may be too low.
    pub(super) fn doubt(&self, report: &LoadReport) -> Option<String> {
        let read_back = report.verify.as_ref()?.read_back.as_ref()?;
        let unread = read_back.unread();
        (self.name == LOST && unread > 0).then(|| format!("rct could not read {unread} keys back"))
    }

    /// Returns the names of all metrics, for a message.
    pub(super) fn names(commands: &[String]) -> String {
        let numbers = NUMBERS.iter().map(|(name, ..)| (*name).to_owned());
        let mut seen = BTreeSet::new();
        let commands = commands.iter().filter(|command| seen.insert(*command)).cloned();
        let scopes = TIMES.iter().map(|(name, _)| (*name).to_owned()).chain(commands);
        let scopes: Vec<String> = scopes.chain(["node.*".to_owned(), "node.HOST:PORT".to_owned()]).collect();
        let percentiles: Vec<&str> = PERCENTILES.iter().map(|(name, _)| *name).collect();
        let numbers: Vec<String> = numbers.collect();
        format!("{}, and one of {} for each of {}", numbers.join(", "), percentiles.join(" "), scopes.join(", "))
    }

    /// Returns the values of the metric: one, or one for each node; none if nothing was measured.
    pub(super) fn values(&self, report: &LoadReport) -> Vec<Value> {
        let percentile = self.name.rsplit('.').next().unwrap_or_default();
        let is_unanswered = |times: &Percentiles| match percentile {
            // The mean contains times that are the least possible.
            "mean" => times.unanswered > 0,
            name => times.no_answer.iter().any(|other| other == name),
        };
        let measured = |times: &Percentiles, read: fn(&Percentiles) -> f64| {
            (times.count > 0).then(|| Value { node: None, value: read(times), no_answer: is_unanswered(times) })
        };
        match &self.source {
            Source::Number(read) => {
                let value = read(report).map(|value| Value { node: None, value, no_answer: false });
                value.into_iter().collect()
            }
            Source::Times(times, read) => measured(times(report), *read).into_iter().collect(),
            Source::Command(name, read) => {
                let named = report.commands.iter().filter(|command| command.name == *name);
                named.filter_map(|command| measured(&command.response_us, *read)).collect()
            }
            Source::Node(address, read) => {
                let wanted = report.nodes.iter().filter(|node| address.as_ref().is_none_or(|at| *at == node.address));
                let value = |node: &loadgen::report::NodeReport| {
                    let value = measured(&node.response_us, *read)?;
                    Some(Value { node: Some(node.address.clone()), ..value })
                };
                wanted.filter_map(value).collect()
            }
        }
    }
}

/// The longest outage of any shard after any event, in microseconds.
fn longest_outage(report: &LoadReport, class: Class) -> Option<f64> {
    let own = report.outages.iter().filter(|outage| outage.class == class);
    own.map(|outage| outage.outage_s * 1e6).max_by(f64::total_cmp)
}

/// The share of operations that got a good reply.
fn answered_share(report: &LoadReport) -> Option<f64> {
    let planned = report.operations + report.failed + report.not_sent;
    (planned > 0).then(|| report.operations as f64 / planned as f64)
}
