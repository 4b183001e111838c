//! The table at the end of a load run.

use std::path::Path;

use loadgen::report::{LoadReport, Percentiles};

use super::gates::lines;
use super::rows::{HEADS, cells, ending, facts, grouped, rows, time, troubles};
use crate::record::Ended;
use crate::record::LoadRecord;
use crate::text::{clip_columns, pad, push};

/// The columns of the longest bar.
const BAR: f64 = 40.0;
/// The columns of a row's name, at least and at most.
const NAME_COLUMNS: (usize, usize) = (24, 48);

/// The table of a run, for people.
pub fn table(record: &LoadRecord, folder: Option<&Path>) -> String {
    let mut text = String::new();
    if let Some(report) = &record.load {
        write_report(&mut text, record, report);
    }
    if record.ended != Ended::Complete {
        let (word, why) = ending(record);
        push(&mut text, format_args!("\n  {word}: {why}\n"));
    }
    text.push_str(&lines(&record.gates));
    if let Some(folder) = folder {
        push(&mut text, format_args!("\n  {}\n", folder.display()));
    }
    text
}

fn write_report(text: &mut String, record: &LoadRecord, report: &LoadReport) {
    push(text, format_args!("\n  {}\n\n", facts(record).join(", ")));
    let offered = match report.offered_per_s {
        Some(rate) if report.steps.len() == 1 => format!(" of {} offered", grouped(rate as u64)),
        _ => String::new(),
    };
    push(
        text,
        format_args!(
            "  {} operations in {:.1} s: {}/s{offered}\n  rct used {:.2} us of CPU per operation, and {:.0} MB of memory\n",
            grouped(report.operations),
            report.duration_s,
            grouped(report.operations_per_s as u64),
            report.client_cpu_us_per_operation,
            report.client_memory_mb
        ),
    );
    if let Some(ratio) = report.hit_ratio {
        let is_filled = ratio >= 0.5 || record.command.iter().any(|word| word == "--preload");
        let hint = if is_filled { "" } else { "; --preload writes every key first" };
        push(text, format_args!("  {:.1} % of reads found something{hint}\n", ratio * 100.0));
    }
    let troubles: Vec<String> =
        troubles(report).iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    let troubles = if troubles.is_empty() { "no errors, no redirects".to_owned() } else { troubles.join(", ") };
    push(text, format_args!("  {troubles}\n\n"));
    times(text, &rows(report));
    drawing(text, &report.latency_us.response);
    if report.mode == "closed" {
        text.push_str(
            "\n  In closed loop, clients send less to a slow server, so these times are service times.\n  --rate measures what users wait for.\n",
        );
    }
    for reason in &report.invalid_because {
        push(text, format_args!("\n  NOT VALID: {reason}\n"));
    }
}

fn times(text: &mut String, rows: &[(String, Percentiles)]) {
    let longest = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let columns = longest.clamp(NAME_COLUMNS.0, NAME_COLUMNS.1);
    line(text, "", columns, &HEADS.map(str::to_owned));
    rows.iter().for_each(|(name, times)| line(text, name, columns, &cells(times)));
}

fn line(text: &mut String, name: &str, columns: usize, cells: &[String; 8]) {
    push(text, format_args!("  {} {:>12}", pad(&clip_columns(name, columns), columns), cells[0]));
    cells[1..].iter().for_each(|cell| push(text, format_args!("{cell:>10}")));
    text.push('\n');
}

/// Bars whose length is the logarithm of the time, so that a tail a thousand times the median still fits.
fn drawing(text: &mut String, times: &Percentiles) {
    let rows = [
        ("p50", times.p50),
        ("p90", times.p90),
        ("p95", times.p95),
        ("p99", times.p99),
        ("p99.9", times.p999),
        ("p99.99", times.p9999),
        ("max", times.max),
    ];
    let (least, most) = (times.p50.max(1.0) / 2.0, times.max.max(times.p50.max(1.0)));
    text.push('\n');
    for (name, us) in rows {
        let share = (us.max(least) / least).ln() / (most / least).ln();
        let bar = "#".repeat((share * BAR).round() as usize);
        push(text, format_args!("  {name:>6} {:>9} |{bar}\n", time(us)));
    }
}
