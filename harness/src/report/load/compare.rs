//! `rct compare` of two load runs: rates and percentiles side by side, with their ratios.
//!
//! This is the text for people; the page of both runs shows the same rows above its charts.

use std::collections::BTreeMap;

use loadgen::report::{LoadReport, Percentiles};

use super::rows::{ending, facts, grouped, is_unanswered, planned, settings, time};
use crate::record::LoadRecord;
use crate::text::{clip_columns, pad, printable, push};

/// The columns of a row's name.
const NAME_COLUMNS: usize = 36;

/// What both reports say if there is nothing to compare.
pub(super) const NO_NUMBERS: &str = "cannot compare: one of the runs ended without numbers";

/// A number of both runs.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) older: String,
    pub(super) newer: String,
    /// The number of the newer run divided by that of the older one; `-` if that is zero.
    pub(super) ratio: String,
    /// The same in words: `+4.0 %`, `46 × less`; empty if they cannot be compared.
    pub(super) change: String,
    /// Whether the newer run is better or worse, unless both are nearly the same.
    pub(super) effect: Option<Effect>,
}

/// What a change means to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Better,
    Worse,
}

/// Changes of less than this share have no effect, because two runs are never the same.
const SAME: f64 = 0.03;

/// The numbers of which more is better.
const MORE_IS_BETTER: [&str; 2] = ["operations/s", "answered"];

/// Returns what differs between an older and a newer run, for people.
pub fn compare(older: &LoadRecord, newer: &LoadRecord) -> String {
    let mut text = String::new();
    for (name, record) in [("older", older), ("newer", newer)] {
        let facts = facts(record).join(", ");
        push(&mut text, format_args!("{name}  {}  {}  {facts}\n", record.started, ending(record).0));
    }
    let (Some(before), Some(after)) = (&older.load, &newer.load) else {
        push(&mut text, format_args!("\n{NO_NUMBERS}\n"));
        return text;
    };
    differences(before, after).iter().for_each(|line| push(&mut text, format_args!("{line}\n")));
    push(&mut text, format_args!("\n{}{:>14}{:>14}{:>9}\n", pad("", NAME_COLUMNS), "older", "newer", "ratio"));
    for Row { name, older, newer, ratio, .. } in first_rows(before, after).into_iter().chain(other_rows(before, after))
    {
        let name = pad(&clip_columns(&name, NAME_COLUMNS), NAME_COLUMNS);
        push(&mut text, format_args!("{name}{older:>14}{newer:>14}{ratio:>9}\n"));
    }
    text
}

/// Returns the numbers of both runs that a reader looks for first.
pub(super) fn first_rows(before: &LoadReport, after: &LoadReport) -> Vec<Row> {
    let count = |value: f64| grouped(value as u64);
    let cpus = (before.client_cpu_us_per_operation, after.client_cpu_us_per_operation);
    let shares = [before, after].map(|report| report.operations as f64 / planned(report).max(1) as f64);
    let mut rows = vec![
        row("operations/s", before.operations_per_s, after.operations_per_s, count),
        row("client CPU per operation", cpus.0, cpus.1, |value| format!("{value:.3} us")),
        row("answered", shares[0], shares[1], |share| format!("{:.2} %", (share * 1e4).floor() / 100.0)),
        row("no answer", before.failed as f64, after.failed as f64, count),
        row("not sent", before.not_sent as f64, after.not_sent as f64, count),
    ];
    rows.extend(percentiles("response", &before.latency_us.response, &after.latency_us.response));
    rows
}

/// Returns the other numbers of both runs: times of further measures, and of the commands that both have.
pub(super) fn other_rows(before: &LoadReport, after: &LoadReport) -> Vec<Row> {
    let (old, new) = (&before.latency_us, &after.latency_us);
    let mut rows = Vec::new();
    if before.mode == "open" || after.mode == "open" {
        if old.response.unanswered + new.response.unanswered > 0 {
            rows.extend(percentiles("answered", &old.answered, &new.answered));
        }
        rows.extend(percentiles("service", &old.service, &new.service));
        rows.push(row("send lag p99", old.send_lag.p99, new.send_lag.p99, time));
    }
    let commands: BTreeMap<&str, &Percentiles> =
        before.commands.iter().map(|command| (&*command.name, &command.response_us)).collect();
    for command in after.commands.iter().filter(|_| after.commands.len() > 1) {
        if let Some(old) = commands.get(&*command.name) {
            rows.extend(percentiles(&printable(&command.name), old, &command.response_us));
        }
    }
    rows
}

/// Names the settings that are not the same, since ratios of different runs say little.
pub(super) fn differences(before: &LoadReport, after: &LoadReport) -> Vec<String> {
    let workload = |report: &LoadReport| ("workload", printable(&report.workload).into_owned());
    let all = |report: &LoadReport| settings(report).into_iter().chain([workload(report)]).collect::<BTreeMap<_, _>>();
    let (before, after) = (all(before), all(after));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let value = |settings: &BTreeMap<&str, String>, name| settings.get(name).map_or("-".to_owned(), String::clone);
    let different = names.filter(|name| before.get(*name) != after.get(*name));
    different.map(|name| format!("different {name}: {} and {}", value(&before, name), value(&after, name))).collect()
}

fn percentiles(name: &str, before: &Percentiles, after: &Percentiles) -> Vec<Row> {
    let pairs = [
        ("mean", "mean", before.mean, after.mean),
        ("p50", "p50", before.p50, after.p50),
        ("p90", "p90", before.p90, after.p90),
        ("p99", "p99", before.p99, after.p99),
        ("p99.9", "p999", before.p999, after.p999),
        ("p99.99", "p9999", before.p9999, after.p9999),
        ("max", "max", before.max, after.max),
    ];
    let show = |times: &Percentiles, field, us| match is_unanswered(&times.no_answer, field) {
        true => format!("≥ {}", time(us)),
        false => time(us),
    };
    let row = |(percentile, field, old_us, new_us)| {
        let shown = (show(before, field, old_us), show(after, field, new_us));
        row_of(&format!("{name} {percentile}"), (old_us, new_us), shown)
    };
    pairs.into_iter().map(row).collect()
}

fn row(name: &str, before: f64, after: f64, show: impl Fn(f64) -> String) -> Row {
    row_of(name, (before, after), (show(before), show(after)))
}

fn row_of(name: &str, (before, after): (f64, f64), (older, newer): (String, String)) -> Row {
    let ratio = if before > 0.0 { format!("{:.3}", after / before) } else { "-".to_owned() };
    Row {
        name: name.to_owned(),
        older,
        newer,
        ratio,
        change: change(before, after),
        effect: effect(name, before, after),
    }
}

fn change(before: f64, after: f64) -> String {
    match (before, after) {
        (0.0, 0.0) => "same".to_owned(),
        (before, after) if before <= 0.0 || after <= 0.0 => String::new(),
        (before, after) if after >= before * 2.0 => format!("{} × more", times(after / before)),
        (before, after) if after * 2.0 <= before => format!("{} × less", times(before / after)),
        (before, after) => match (after / before - 1.0) * 100.0 {
            percent if percent.abs() < 0.05 => "same".to_owned(),
            percent => format!("{percent:+.1} %"),
        },
    }
}

/// A factor of two or more: `2.1`, `46`.
fn times(factor: f64) -> String {
    if factor < 9.95 { format!("{factor:.1}") } else { format!("{factor:.0}") }
}

fn effect(name: &str, before: f64, after: f64) -> Option<Effect> {
    let is_same = (after - before).abs() <= before.abs() * SAME;
    let is_better = (after > before) == MORE_IS_BETTER.contains(&name);
    (!is_same).then_some(if is_better { Effect::Better } else { Effect::Worse })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_in_words() {
        let pairs = [(100.0, 104.0), (100.0, 51.0), (2.0, 4.2), (4600.0, 100.0), (0.0, 0.0), (0.0, 3.0), (5.0, 5.0)];
        let words = ["+4.0 %", "-49.0 %", "2.1 × more", "46 × less", "same", "", "same"];
        assert_eq!(pairs.map(|(before, after)| change(before, after)), words);
    }

    #[test]
    fn more_operations_and_shorter_times_are_better() {
        assert_eq!(effect("operations/s", 100.0, 120.0), Some(Effect::Better));
        assert_eq!(effect("response p99", 100.0, 120.0), Some(Effect::Worse));
        assert_eq!(effect("no answer", 0.0, 3.0), Some(Effect::Worse));
        assert_eq!(effect("response p99", 100.0, 101.0), None);
    }
}
