//! The words and numbers that all reports of a load run share.

use loadgen::report::{CommandReport, LoadReport, Percentiles};

use crate::record::Ended;
use crate::record::GateVerdict;
use crate::record::LoadRecord;
use crate::report::digest::shape_in_words;
use crate::text::{count, printable};

/// The columns of a row of times.
pub(super) const HEADS: [&str; 8] = ["count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// How a run ended: a word, and the reason.
pub(super) fn ending(record: &LoadRecord) -> (&'static str, String) {
    let problem = record.problem.as_deref().map(|problem| printable(problem).into_owned());
    match (record.ended, &record.load) {
        (Ended::Running, _) => ("UNFINISHED", "the run goes on, or rct was killed".to_owned()),
        (Ended::Lost, _) => ("LOST", problem.unwrap_or_else(|| "the run did not come to its end".to_owned())),
        (Ended::Interrupted, _) => ("INTERRUPTED", problem.unwrap_or_else(|| "the user stopped the run".to_owned())),
        // A lost write is lost, even if the generator was late.
        (Ended::Complete, Some(report)) if !report.valid && !is_missed(record) => {
            ("NOT VALID", report.invalid_because.iter().map(|why| printable(why)).collect::<Vec<_>>().join("; "))
        }
        (Ended::Complete, _) => ending_by_gates(record),
    }
}

fn is_missed(record: &LoadRecord) -> bool {
    record.gates.iter().any(|gate| gate.verdict == GateVerdict::Missed)
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
    facts.extend(record.part.as_ref().map(|part| format!("part {} of {}", part.number, part.parts)));
    facts.extend(record.merged.as_ref().map(|merged| format!("{} of {} parts", merged.present.len(), merged.parts)));
    facts.push(format!("seed {}", record.seed));
    facts.retain(|fact| !fact.trim().is_empty());
    facts
}

/// What was under load, and how, each with its name.
pub(super) fn named_facts(record: &LoadRecord) -> Vec<(&'static str, String)> {
    let servers = record.target.servers.iter().map(|server| format!("{} {}", server.product, server.version));
    let shape = record.target.shape.as_deref().map(|shape| shape_in_words(shape).unwrap_or_else(|| shape.to_owned()));
    let target = std::iter::once(record.target.kind.clone()).chain(shape).collect::<Vec<_>>().join(", ");
    let mut facts = vec![("server", servers.collect::<Vec<_>>().join(" and ")), ("target", target)];
    if let Some(report) = &record.load {
        let rate = match offered(report) {
            Some(rates) if report.steps.len() > 1 => {
                format!("{rates} operations per second planned, in {} steps", report.steps.len())
            }
            Some(rates) => format!("{rates} operations per second planned"),
            None => "none: each client waits for its replies (closed loop)".to_owned(),
        };
        let in_flight =
            if report.pipeline > 1 { format!(", {} in flight on each", report.pipeline) } else { String::new() };
        let clients = count(report.clients, "client");
        let threads = count(report.threads, "thread");
        facts.extend([
            ("workload", report.workload.clone()),
            ("rate", rate),
            ("clients", format!("{clients}{in_flight}, {threads}, {} engine", report.engine)),
            ("measured for", format!("{:.1} s", report.duration_s)),
        ]);
    }
    facts.extend(record.part.as_ref().map(|part| ("part", format!("{} of {}", part.number, part.parts))));
    let merged = record.merged.as_ref();
    facts.extend(merged.map(|merged| ("merged from", format!("{} of {} parts", merged.present.len(), merged.parts))));
    facts.push(("seed", record.seed.to_string()));
    facts
}

/// The nodes that rct left out of the load, each with the reason.
pub(super) fn left_out(record: &LoadRecord) -> Vec<String> {
    let nodes = record.target.left_out.iter();
    nodes.map(|left_out| printable(&format!("left out {}: {}", left_out.node, left_out.reason)).into_owned()).collect()
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
    if report.connections > report.clients {
        settings.insert(1, ("connections", grouped(report.connections as u64)));
    }
    settings.extend(offered(report).map(|rates| ("offered/s", rates)));
    if report.steps.len() > 1 {
        settings.push(("steps", report.steps.len().to_string()));
    }
    settings
}

/// The planned rate, or those of the first and the last step: `1,000 to 16,000`.
pub(super) fn offered(report: &LoadReport) -> Option<String> {
    let rate = |rate: f64| grouped(rate as u64);
    match &report.steps[..] {
        [first, .., last] => Some(format!("{} to {}", rate(first.offered_per_s?), rate(last.offered_per_s?))),
        _ => report.offered_per_s.map(rate),
    }
}

/// How many of the planned operations got a good reply.
pub(super) fn answered(report: &LoadReport) -> String {
    let planned = planned(report);
    format!("{} of {}{}", grouped(report.operations), grouped(planned), share(report.operations, planned))
}

/// The planned operations; runs of older versions have them in parts only.
pub(super) fn planned(report: &LoadReport) -> u64 {
    report.planned.max(report.operations + report.failed + report.not_sent)
}

/// A share in parentheses, rounded down, so that 100 % means all; empty if there is no whole.
pub(super) fn share(part: u64, all: u64) -> String {
    match all {
        0 => String::new(),
        all => format!(" ({:.1} %)", (part as f64 / all as f64 * 1e3).floor() / 10.0),
    }
}

/// The sums of a run, by name.
pub(super) fn sums(report: &LoadReport) -> Vec<(&'static str, String)> {
    let mut sums = vec![
        ("operations", grouped(report.operations)),
        ("answered", answered(report)),
        ("operations/s", grouped(report.operations_per_s as u64)),
        ("measured time", format!("{:.1} s", report.duration_s)),
        ("no answer", grouped(report.failed)),
        ("not sent", grouped(report.not_sent)),
    ];
    sums.extend(report.hit_ratio.map(|ratio| ("reads that found something", format!("{:.1} %", ratio * 100.0))));
    sums.push(("CPU of rct per operation", format!("{:.2} us", report.client_cpu_us_per_operation)));
    sums.push(("memory of rct", format!("{:.1} MB", report.client_memory_mb)));
    sums
}

/// What a class of problems means; `None` for the first word of an error of the server, which is its name.
pub(super) fn meaning(class: &str) -> Option<&'static str> {
    Some(match class {
        "moved" => "MOVED: another node serves the slot",
        "ask" => "ASK: another node must answer this operation",
        "try_again" => "TRYAGAIN: the slot is moving",
        "cluster_down" => "CLUSTERDOWN: the cluster does not serve the slot",
        "loading" => "LOADING: the node is loading its data",
        "timeout" => "no reply in time",
        "closed" => "the connection was lost before the reply",
        "refused" => "rct could not connect",
        "protocol" => "the reply was malformed",
        "queued" => "there was no connection to the node in time",
        "not sent" => "rct was too late to send it",
        _ => return None,
    })
}

/// What the rows of times mean that are not a command, a node or a step.
pub(super) const MEASURES: [(&str, &str); 5] = [
    ("response", "from the planned instant to the good reply. An operation without one ranks above all others."),
    ("answered", "the response time of the operations that got a good reply."),
    ("service", "from sending to the good reply. It leaves out the time that an operation waited in rct."),
    ("send lag", "the delay that rct itself added."),
    ("failed", "from the planned instant until rct gave the operation up."),
];

/// The classes of problems that occurred, with their counts.
pub(super) fn problems(report: &LoadReport) -> Vec<(String, u64)> {
    let classes = report.outcomes.iter().filter(|&(name, &count)| name != "ok" && name != "error" && count > 0);
    let classes = classes.map(|(name, &count)| (printable(name).into_owned(), count));
    let codes = report.error_codes.iter().map(|(code, &count)| (printable(code).into_owned(), count));
    let sent_late = [("not sent", report.not_sent)];
    let sent_late = sent_late.into_iter().filter(|&(_, count)| count > 0).map(|(name, count)| (name.to_owned(), count));
    classes.chain(codes).chain(sent_late).collect()
}

/// How operations ended that got no good reply, by the last problem of each; empty if all got one.
pub(super) fn unanswered(report: &LoadReport) -> String {
    if report.failed == 0 {
        return String::new();
    }
    let count = |(name, count): (&String, &u64)| format!("{} {}", printable(name), grouped(*count));
    let by_problem: Vec<String> = report.unanswered.iter().map(count).collect();
    let causes = if by_problem.is_empty() { String::new() } else { format!(": {}", by_problem.join(", ")) };
    format!("{} got no answer{causes}", grouped(report.failed))
}

/// The nodes with the longest times without a good reply while operations waited, the longest first.
pub(super) fn silences(report: &LoadReport) -> Vec<(String, f64)> {
    let silent = report.nodes.iter().filter(|node| node.longest_silence_s > 0.0);
    let mut silences: Vec<(String, f64)> =
        silent.map(|node| (printable(&node.address).into_owned(), node.longest_silence_s)).collect();
    silences.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    silences
}

/// The rows of times: all operations, then by command, node and step.
pub(super) fn rows(report: &LoadReport) -> Vec<(String, Percentiles)> {
    let latency = &report.latency_us;
    let mut rows = vec![("response".to_owned(), latency.response.clone())];
    if report.mode == "open" {
        if latency.response.unanswered > 0 {
            rows.push(("answered".to_owned(), latency.answered.clone()));
        }
        rows.push(("service".to_owned(), latency.service.clone()));
        rows.push(("send lag".to_owned(), latency.send_lag.clone()));
    }
    if latency.failed.count > 0 {
        rows.push(("failed".to_owned(), latency.failed.clone()));
    }
    if report.commands.len() > 1 {
        let command = |command: &CommandReport| (printable(&command.name).into_owned(), command.response_us.clone());
        rows.extend(report.commands.iter().map(command));
    }
    rows.extend(report.nodes.iter().map(|node| {
        let role = if node.role == "primary" { "" } else { &node.role };
        (printable(&format!("{} {role}", node.address)).trim_end().to_owned(), node.response_us.clone())
    }));
    if report.steps.len() > 1 {
        rows.extend(report.steps.iter().map(|step| {
            let offered = step.offered_per_s.map_or(String::new(), |rate| grouped(rate as u64));
            (format!("{offered}/s offered"), step.response_us.clone())
        }));
    }
    rows
}

/// The cells of a row, one for each of [`HEADS`]. A time of an operation without a good reply begins with `≥`.
pub(super) fn cells(times: &Percentiles) -> [String; 8] {
    let times_us = [
        ("mean", times.mean),
        ("p50", times.p50),
        ("p90", times.p90),
        ("p99", times.p99),
        ("p999", times.p999),
        ("p9999", times.p9999),
        ("max", times.max),
    ];
    let mut cells = std::array::from_fn(|_| grouped(times.count));
    for (cell, (name, us)) in cells[1..].iter_mut().zip(times_us) {
        // The mean contains times that are the least possible.
        let is_least = if name == "mean" { times.unanswered > 0 } else { is_unanswered(&times.no_answer, name) };
        *cell = if is_least { format!("≥ {}", time(us)) } else { time(us) };
    }
    cells
}

/// What `≥` means, where a row has it.
pub(super) const NO_ANSWER_NOTE: &str = "≥ (no answer): at this percentile the operation got no good reply. \
    The time is the least that a user waited in vain.";

/// Whether a percentile falls among operations without a good reply.
pub(super) fn is_unanswered(no_answer: &[String], percentile: &str) -> bool {
    no_answer.iter().any(|name| name == percentile)
}

/// A percentile as a person reads it: a time, or `≥ 2.00 s (no answer)`.
pub(super) fn percentile(us: f64, is_unanswered: bool) -> String {
    if is_unanswered { format!("≥ {} (no answer)", time(us)) } else { time(us) }
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
