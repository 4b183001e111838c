//! The words and numbers that all reports of a load run share.

use loadgen::report::{LoadReport, Percentiles};

use crate::record::Ended;
use crate::record::GateVerdict;
use crate::record::LoadRecord;
use crate::text::printable;

/// The columns of a row of times.
pub(super) const HEADS: [&str; 8] = ["count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// How a run ended: a word, and the reason.
pub(super) fn ending(record: &LoadRecord) -> (&'static str, String) {
    let problem = record.problem.as_deref().map(|problem| printable(problem).into_owned());
    match (record.ended, &record.load) {
        (Ended::Running, _) => ("UNFINISHED", "the run goes on, or rct was killed".to_owned()),
        (Ended::Lost, _) => ("LOST", problem.unwrap_or_else(|| "the run did not come to its end".to_owned())),
        (Ended::Interrupted, _) => ("INTERRUPTED", problem.unwrap_or_else(|| "the user stopped the run".to_owned())),
        (Ended::Complete, Some(report)) if !report.valid => {
            ("NOT VALID", report.invalid_because.iter().map(|why| printable(why)).collect::<Vec<_>>().join("; "))
        }
        (Ended::Complete, _) => ending_by_gates(record),
    }
}

/// How a valid run ended that came to its end: its gates decide.
fn ending_by_gates(record: &LoadRecord) -> (&'static str, String) {
    let with = |verdict| {
        let gates = record.gates.iter().filter(|gate| gate.verdict == verdict);
        gates.map(|gate| printable(&gate.expression)).collect::<Vec<_>>().join(" and ")
    };
    let (missed, not_judged) = (with(GateVerdict::Missed), with(GateVerdict::NotJudged));
    if !missed.is_empty() {
        ("GATE MISSED", format!("the run came to its end, and {missed}"))
    } else if !not_judged.is_empty() {
        ("GATE NOT JUDGED", format!("the run came to its end, but rct could not judge {not_judged}"))
    } else {
        ("DONE", "the run came to its end".to_owned())
    }
}

/// What was under load, and how.
pub(super) fn facts(record: &LoadRecord) -> Vec<String> {
    let servers = record.target.servers.iter();
    let servers: Vec<String> =
        servers.map(|server| printable(&format!("{} {}", server.product, server.version)).into_owned()).collect();
    let shape = record.target.shape.as_deref().unwrap_or_default();
    let mut facts = vec![servers.join(" and "), printable(&format!("{} {shape}", record.target.kind)).into_owned()];
    if let Some(report) = &record.load {
        facts.push(printable(&report.workload).into_owned());
        facts.extend(settings(report).into_iter().map(|(name, value)| match (name, &value[..]) {
            ("clients", "1") => "1 client".to_owned(),
            ("threads", "1") => "1 thread".to_owned(),
            _ => format!("{value} {name}"),
        }));
    }
    facts.push(format!("seed {}", record.seed));
    facts.retain(|fact| !fact.trim().is_empty());
    facts
}

/// The settings that decide what the numbers mean, by name.
pub(super) fn settings(report: &LoadReport) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("clients", grouped(report.clients as u64)),
        ("threads", report.threads.to_string()),
        ("in flight on each", report.pipeline.to_string()),
        ("loop", printable(&report.mode).into_owned()),
        ("engine", printable(&report.engine).into_owned()),
    ];
    settings.extend(report.offered_per_s.map(|rate| ("offered/s", grouped(rate as u64))));
    settings
}

/// The sums of a run, by name.
pub(super) fn sums(report: &LoadReport) -> Vec<(&'static str, String)> {
    let mut sums = vec![
        ("operations", grouped(report.operations)),
        ("operations/s", grouped(report.operations_per_s as u64)),
        ("seconds", format!("{:.1}", report.duration_s)),
        ("failed", grouped(report.failed)),
        ("not sent", grouped(report.not_sent)),
    ];
    sums.extend(report.hit_ratio.map(|ratio| ("reads that found something", format!("{:.1} %", ratio * 100.0))));
    sums.push(("client CPU us/operation", format!("{:.3}", report.client_cpu_us_per_operation)));
    sums.push(("client memory MB", format!("{:.1}", report.client_memory_mb)));
    sums
}

/// The classes of trouble that came, with their counts.
pub(super) fn troubles(report: &LoadReport) -> Vec<(String, u64)> {
    let classes = report.outcomes.iter().filter(|&(name, &count)| name != "ok" && name != "error" && count > 0);
    let classes = classes.map(|(name, &count)| (printable(name).into_owned(), count));
    let codes = report.error_codes.iter().map(|(code, &count)| (printable(code).into_owned(), count));
    let ends = [("failed operations", report.failed), ("not sent", report.not_sent)];
    let ends = ends.into_iter().filter(|&(_, count)| count > 0).map(|(name, count)| (name.to_owned(), count));
    classes.chain(codes).chain(ends).collect()
}

/// The rows of times: all operations, then by command, node and step.
pub(super) fn rows(report: &LoadReport) -> Vec<(String, Percentiles)> {
    let latency = &report.latency_us;
    let mut rows = vec![("response".to_owned(), latency.response)];
    if report.mode == "open" {
        rows.push(("service".to_owned(), latency.service));
        rows.push(("send lag".to_owned(), latency.send_lag));
    }
    if latency.failed.count > 0 {
        rows.push(("failed".to_owned(), latency.failed));
    }
    if report.commands.len() > 1 {
        rows.extend(report.commands.iter().map(|command| (printable(&command.name).into_owned(), command.response_us)));
    }
    rows.extend(report.nodes.iter().map(|node| {
        let role = if node.role == "primary" { "" } else { &node.role };
        (printable(&format!("{} {role}", node.address)).trim_end().to_owned(), node.response_us)
    }));
    if report.steps.len() > 1 {
        rows.extend(report.steps.iter().map(|step| {
            let offered = step.offered_per_s.map_or(String::new(), |rate| grouped(rate as u64));
            (format!("{offered}/s offered"), step.response_us)
        }));
    }
    rows
}

/// The cells of a row, one for each of [`HEADS`].
pub(super) fn cells(times: &Percentiles) -> [String; 8] {
    let times_us = [times.mean, times.p50, times.p90, times.p99, times.p999, times.p9999, times.max];
    let mut cells = std::array::from_fn(|_| grouped(times.count));
    for (cell, us) in cells[1..].iter_mut().zip(times_us) {
        *cell = time(us);
    }
    cells
}

/// A number with a comma before each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as a person reads them.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} us"),
        us if us < 10_000.0 => format!("{:.2} ms", us / 1e3),
        us if us < 1_000_000.0 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.0, 812.4, 1_234.0, 45_600.0, 2_010_000.0].map(time),
            ["0 us", "812 us", "1.23 ms", "45.6 ms", "2.01 s"]
        );
    }
}
