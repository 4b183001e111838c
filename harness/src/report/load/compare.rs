//! `rct compare` of two load runs: rates and percentiles side by side, with their ratios.

use std::collections::BTreeMap;

use loadgen::report::{LoadReport, Percentiles};

use super::rows::{ending, facts, grouped, is_unanswered, planned, settings, time};
use crate::record::LoadRecord;
use crate::text::{clip_columns, pad, printable, push};

/// The columns of a row's name.
const NAME_COLUMNS: usize = 36;

/// Returns what differs between an older and a newer run, for people.
pub fn compare(older: &LoadRecord, newer: &LoadRecord) -> String {
    let mut text = String::new();
    for (name, record) in [("older", older), ("newer", newer)] {
        let facts = facts(record).join(", ");
        push(&mut text, format_args!("{name}  {}  {}  {facts}\n", record.started, ending(record).0));
    }
    let (Some(before), Some(after)) = (&older.load, &newer.load) else {
        text.push_str("\ncannot compare: one of the runs ended without numbers\n");
        return text;
    };
    differences(&mut text, before, after);
    push(&mut text, format_args!("\n{}{:>14}{:>14}{:>9}\n", pad("", NAME_COLUMNS), "older", "newer", "ratio"));
    let count = |value: f64| grouped(value as u64);
    let cpu = |value: f64| format!("{value:.3} us");
    row(&mut text, "operations/s", before.operations_per_s, after.operations_per_s, count);
    let cpus = (before.client_cpu_us_per_operation, after.client_cpu_us_per_operation);
    row(&mut text, "client CPU per operation", cpus.0, cpus.1, cpu);
    let shares = [before, after].map(|report| report.operations as f64 / planned(report).max(1) as f64);
    row(&mut text, "answered", shares[0], shares[1], |share| format!("{:.2} %", (share * 1e4).floor() / 100.0));
    row(&mut text, "no answer", before.failed as f64, after.failed as f64, count);
    row(&mut text, "not sent", before.not_sent as f64, after.not_sent as f64, count);
    let (old, new) = (&before.latency_us, &after.latency_us);
    percentiles(&mut text, "response", &old.response, &new.response);
    if before.mode == "open" || after.mode == "open" {
        if old.response.unanswered + new.response.unanswered > 0 {
            percentiles(&mut text, "answered", &old.answered, &new.answered);
        }
        percentiles(&mut text, "service", &old.service, &new.service);
        row(&mut text, "send lag p99", old.send_lag.p99, new.send_lag.p99, time);
    }
    let commands: BTreeMap<&str, &Percentiles> =
        before.commands.iter().map(|command| (&*command.name, &command.response_us)).collect();
    for command in after.commands.iter().filter(|_| after.commands.len() > 1) {
        if let Some(old) = commands.get(&*command.name) {
            percentiles(&mut text, &printable(&command.name), old, &command.response_us);
        }
    }
    text
}

/// Names the settings that are not the same, since ratios of different runs say little.
fn differences(text: &mut String, before: &LoadReport, after: &LoadReport) {
    let workload = |report: &LoadReport| ("workload", printable(&report.workload).into_owned());
    let all = |report: &LoadReport| settings(report).into_iter().chain([workload(report)]).collect::<BTreeMap<_, _>>();
    let (before, after) = (all(before), all(after));
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        let value = |settings: &BTreeMap<&str, String>| settings.get(name).map_or("-".to_owned(), String::clone);
        if before.get(name) != after.get(name) {
            push(text, format_args!("different {name}: {} and {}\n", value(&before), value(&after)));
        }
    }
}

fn percentiles(text: &mut String, name: &str, before: &Percentiles, after: &Percentiles) {
    let pairs = [
        ("mean", "mean", before.mean, after.mean),
        ("p50", "p50", before.p50, after.p50),
        ("p90", "p90", before.p90, after.p90),
        ("p99", "p99", before.p99, after.p99),
        ("p99.9", "p999", before.p999, after.p999),
        ("p99.99", "p9999", before.p9999, after.p9999),
        ("max", "max", before.max, after.max),
    ];
    for (percentile, field, old_us, new_us) in pairs {
        let show = |times: &Percentiles, us| match is_unanswered(&times.no_answer, field) {
            true => format!("≥ {}", time(us)),
            false => time(us),
        };
        let shown = (show(before, old_us), show(after, new_us));
        row_of(text, &format!("{name} {percentile}"), (old_us, new_us), shown);
    }
}

fn row(text: &mut String, name: &str, before: f64, after: f64, show: impl Fn(f64) -> String) {
    row_of(text, name, (before, after), (show(before), show(after)));
}

fn row_of(text: &mut String, name: &str, (before, after): (f64, f64), (old, new): (String, String)) {
    let ratio = if before > 0.0 { format!("{:.3}", after / before) } else { "-".to_owned() };
    let name = pad(&clip_columns(name, NAME_COLUMNS), NAME_COLUMNS);
    push(text, format_args!("{name}{old:>14}{new:>14}{ratio:>9}\n"));
}
