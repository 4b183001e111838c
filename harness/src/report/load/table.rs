//! The table at the end of a load run.

use std::path::Path;

use loadgen::report::{LoadReport, Percentiles};

use super::events;
use super::gates::lines;
use super::rows::{
    HEADS, NO_ANSWER_NOTE, cells, ending, facts, grouped, is_unanswered, left_out, percentile, planned, problems, rows,
    share, silences, time, unanswered,
};
use super::verify;
use crate::record::Ended;
use crate::record::LoadRecord;
use crate::text::{clip_columns, pad, printable, push};

/// The columns of the longest bar.
const BAR: f64 = 40.0;
/// The columns of a row's name, at least and at most.
const NAME_COLUMNS: (usize, usize) = (20, 48);

/// The columns of a count, and of a time.
const COUNT_COLUMNS: usize = 13;
const CELL_COLUMNS: usize = 11;
/// The heads of the table where not all of [`HEADS`] fit.
const HEADS_OF_80_COLUMNS: [&str; 5] = ["count", "p50", "p90", "p99", "max"];
const HEADS_OF_40_COLUMNS: [&str; 2] = ["count", "p99"];

/// The columns of a time beside a bar, without and with operations that got no answer.
const TIME_COLUMNS: (usize, usize) = (9, 22);
/// How many nodes the table names that were silent for the longest times.
const SILENCES_SHOWN: usize = 3;

/// What a run in closed loop says about itself.
const CLOSED_LOOP_NOTE: &str = "\n  Closed loop sends less to a slow server, so it cannot see what users would have \
    sent meanwhile.\n  --rate counts every planned operation.\n";

/// The table of a run, for people whose terminal has this many `columns`.
pub fn table(record: &LoadRecord, folder: Option<&Path>, columns: usize) -> String {
    let mut text = String::new();
    if let Some(report) = &record.load {
        write_report(&mut text, record, report, columns);
    }
    let outages = record.load.as_ref().map_or(&[][..], |report| &report.outages);
    text.push_str(&events::lines(&record.events, outages));
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

fn write_report(text: &mut String, record: &LoadRecord, report: &LoadReport, columns: usize) {
    push(text, format_args!("\n  {}\n", facts(record).join(", ")));
    left_out(record).iter().for_each(|line| push(text, format_args!("  {line}\n")));
    text.push('\n');
    let offered = match report.offered_per_s {
        Some(rate) if report.steps.len() == 1 => format!(" of {} offered", grouped(rate as u64)),
        _ => String::new(),
    };
    push(
        text,
        format_args!(
            "  {} operations in {:.1} s: {}/s{offered}\n",
            grouped(report.operations),
            report.duration_s,
            grouped(report.operations_per_s as u64),
        ),
    );
    if report.mode == "open" || report.failed > 0 {
        let planned_count = planned(report);
        push(
            text,
            format_args!(
                "  answered {} of {} {}operations{}\n",
                grouped(report.operations),
                grouped(planned_count),
                if report.mode == "open" { "planned " } else { "" },
                share(report.operations, planned_count),
            ),
        );
    }
    push(
        text,
        format_args!(
            "  rct used {:.2} us of CPU per operation, and {:.0} MB of memory\n",
            report.client_cpu_us_per_operation, report.client_memory_mb
        ),
    );
    if let Some(ratio) = report.hit_ratio {
        let is_filled = ratio >= 0.5 || record.command.iter().any(|word| word == "--preload");
        let hint = if is_filled { "" } else { "; --preload writes every key first" };
        push(text, format_args!("  {:.1} % of reads found something{hint}\n", ratio * 100.0));
    }
    let problems: Vec<String> =
        problems(report).iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    let problems = if problems.is_empty() { "no errors, no redirects".to_owned() } else { problems.join(", ") };
    push(text, format_args!("  {problems}\n"));
    for (class, error) in &report.error_texts {
        // Classes of servers are words of their errors, in capitals.
        let is_ours = class.starts_with(|first: char| first.is_ascii_lowercase());
        let who = if is_ours { "" } else { "the server said: " };
        push(text, format_args!("  {who}{}\n", printable(error)));
    }
    if report.failed > 0 {
        push(text, format_args!("  {}\n", unanswered(report)));
    }
    verify::lines(report).iter().for_each(|line| push(text, format_args!("  {line}\n")));
    text.push('\n');
    times(text, &rows(report), columns);
    drawing(text, &report.latency_us.response);
    if report.latency_us.response.unanswered > 0 {
        push(text, format_args!("\n  {NO_ANSWER_NOTE}\n"));
    }
    if report.mode == "closed" {
        closed_loop(text, report);
    }
    for reason in &report.invalid_because {
        push(text, format_args!("\n  NOT VALID: {reason}\n"));
    }
}

fn times(text: &mut String, rows: &[(String, Percentiles)], columns: usize) {
    let longest = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let name_columns = longest.clamp(NAME_COLUMNS.0, NAME_COLUMNS.1);
    let numbers = |heads: &[&str]| COUNT_COLUMNS + (heads.len() - 1) * CELL_COLUMNS;
    let fits = |heads: &&[&str]| 2 + NAME_COLUMNS.0 + numbers(heads) <= columns;
    let heads = [&HEADS[..], &HEADS_OF_80_COLUMNS].into_iter().find(fits).unwrap_or(&HEADS_OF_40_COLUMNS);
    let shown: Vec<usize> = (0..HEADS.len()).filter(|place| heads.contains(&HEADS[*place])).collect();
    let name_columns = name_columns.min(columns.saturating_sub(2 + numbers(heads)));
    let mut line = |name: &str, cells: [String; 8]| {
        push(text, format_args!("  {}", pad(&clip_columns(name, name_columns), name_columns)));
        for (cell, place) in shown.iter().map(|place| &cells[*place]).zip(0..) {
            let width = if place == 0 { COUNT_COLUMNS } else { CELL_COLUMNS };
            push(text, format_args!("{cell:>width$}"));
        }
        text.push('\n');
    };
    line("", HEADS.map(str::to_owned));
    rows.iter().for_each(|(name, times)| line(name, cells(times)));
    if heads.len() < HEADS.len() {
        text.push_str("  a wider terminal, run.json and report.html also show the other percentiles\n");
    }
}

/// What closed loop saw of silent nodes, and what it cannot see.
fn closed_loop(text: &mut String, report: &LoadReport) {
    let silences = silences(report);
    text.push_str("\n  longest time without a good reply while operations waited: ");
    let shown: Vec<String> = silences
        .iter()
        .take(SILENCES_SHOWN)
        .map(|(address, seconds)| format!("{address} {}", time(seconds * 1e6)))
        .collect();
    text.push_str(&if shown.is_empty() { "under 50 ms on every node".to_owned() } else { shown.join(", ") });
    text.push_str(CLOSED_LOOP_NOTE);
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
    let columns = if times.no_answer.is_empty() { TIME_COLUMNS.0 } else { TIME_COLUMNS.1 };
    let (least, most) = (times.p50.max(1.0) / 2.0, times.max.max(times.p50.max(1.0)));
    text.push('\n');
    for (name, us) in rows {
        let share = (us.max(least) / least).ln() / (most / least).ln();
        let bar = "#".repeat((share * BAR).round() as usize);
        let field = if name.starts_with('p') { name.replace('.', "") } else { name.to_owned() };
        let shown = percentile(us, is_unanswered(&times.no_answer, &field));
        push(text, format_args!("  {name:>6} {} |{bar}\n", pad_left(&shown, columns)));
    }
}

fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.chars().count())))
}
