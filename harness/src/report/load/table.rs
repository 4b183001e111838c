//! The table at the end of a run of load.

use std::fmt::Write as _;
use std::path::Path;

use loadgen::report::{LoadReport, Percentiles};

use super::record::LoadRecord;
use crate::report::record::Ended;
use crate::report::text::printable;

/// The columns of the longest bar.
const BAR: f64 = 40.0;

/// The table of a run, for people.
pub fn table(record: &LoadRecord, folder: &Path) -> String {
    let mut text = String::new();
    if let Some(report) = &record.load {
        // Writing to a string does not fail.
        let _written = write_report(&mut text, record, report);
    }
    let ended = match record.ended {
        Ended::Interrupted => "interrupted",
        Ended::Complete => "",
        Ended::Running | Ended::Lost => "ended before its time",
    };
    if !ended.is_empty() {
        let problem = record.problem.as_deref().map_or(String::new(), |problem| format!(": {}", printable(problem)));
        let _written = writeln!(text, "\n  {ended}{problem}");
    }
    let _written = writeln!(text, "\n  {}", folder.display());
    text
}

fn write_report(text: &mut String, record: &LoadRecord, report: &LoadReport) -> std::fmt::Result {
    let servers: Vec<String> = record
        .target
        .servers
        .iter()
        .map(|server| format!("{} {}", printable(&server.product), printable(&server.version)))
        .collect();
    writeln!(
        text,
        "\n  {} on {} {}, {} clients, {} threads, pipeline {}, {} loop, seed {}\n",
        printable(&report.workload),
        servers.join(", "),
        record.target.shape.as_deref().unwrap_or_default(),
        grouped(report.clients as u64),
        report.threads,
        report.pipeline,
        report.mode,
        record.seed
    )?;
    writeln!(
        text,
        "  {} operations in {:.1} s: {}/s{}",
        grouped(report.operations),
        report.duration_s,
        grouped(report.operations_per_s as u64),
        match report.offered_per_s {
            Some(rate) if report.steps.len() == 1 => format!(" of {} offered", grouped(rate as u64)),
            _ => String::new(),
        }
    )?;
    writeln!(
        text,
        "  {:.2} us of this machine's CPU an operation, {:.0} MB",
        report.client_cpu_us_per_operation, report.client_memory_mb
    )?;
    match report.hit_ratio {
        Some(ratio) if ratio < 0.5 && !record.command.iter().any(|word| word == "--preload") => {
            writeln!(text, "  {:.1} % of reads found something; --preload fills the keys first", ratio * 100.0)?
        }
        Some(ratio) => writeln!(text, "  {:.1} % of reads found something", ratio * 100.0)?,
        None => {}
    }
    trouble(text, report)?;
    writeln!(text, "\n  {:<24} {HEADS}", "")?;
    let latency = &report.latency_us;
    row(text, "response", &latency.response)?;
    if report.mode == "open" {
        row(text, "service", &latency.service)?;
        row(text, "send lag", &latency.send_lag)?;
    }
    if latency.failed.count > 0 {
        row(text, "failed", &latency.failed)?;
    }
    if report.commands.len() > 1 {
        report.commands.iter().try_for_each(|command| row(text, &printable(&command.name), &command.response_us))?;
    }
    for node in &report.nodes {
        row(
            text,
            &format!("{} {}", node.address, if node.role == "primary" { "" } else { node.role }),
            &node.response_us,
        )?;
    }
    if report.steps.len() > 1 {
        for step in &report.steps {
            let offered = step.offered_per_s.map_or(String::new(), |rate| grouped(rate as u64));
            row(text, &format!("{offered}/s offered"), &step.response_us)?;
        }
    }
    drawing(text, &latency.response)?;
    if report.mode == "closed" {
        writeln!(
            text,
            "\n  In closed loop a slow server is asked less: times are service times. --rate measures what users wait."
        )?;
    }
    for reason in &report.invalid_because {
        writeln!(text, "\n  NOT VALID: {reason}")?;
    }
    Ok(())
}

const HEADS: &str = "       count      mean       p50       p90       p99     p99.9    p99.99       max";

fn row(text: &mut String, name: &str, times: &Percentiles) -> std::fmt::Result {
    let columns = [times.mean, times.p50, times.p90, times.p99, times.p999, times.p9999, times.max];
    write!(text, "  {name:<24} {:>12}", grouped(times.count))?;
    columns.iter().try_for_each(|&us| write!(text, "{:>10}", time(us)))?;
    writeln!(text)
}

fn trouble(text: &mut String, report: &LoadReport) -> std::fmt::Result {
    let mut parts: Vec<String> = report
        .outcomes
        .iter()
        .filter(|&(&name, &count)| name != "ok" && name != "error" && count > 0)
        .map(|(name, &count)| format!("{name} {}", grouped(count)))
        .collect();
    parts.extend(report.error_codes.iter().map(|(code, &count)| format!("{} {}", printable(code), grouped(count))));
    if report.failed > 0 {
        parts.push(format!("failed operations {}", grouped(report.failed)));
    }
    if report.not_sent > 0 {
        parts.push(format!("not sent {}", grouped(report.not_sent)));
    }
    if parts.is_empty() {
        writeln!(text, "  no errors, no redirects")
    } else {
        writeln!(text, "  {}", parts.join(", "))
    }
}

/// Bars whose length is the logarithm of the time, so that a tail a thousand times the median still fits.
fn drawing(text: &mut String, times: &Percentiles) -> std::fmt::Result {
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
    writeln!(text)?;
    for (name, us) in rows {
        let share = (us.max(least) / least).ln() / (most / least).ln();
        let bar = "#".repeat((share * BAR).round() as usize);
        writeln!(text, "  {name:>6} {:>9} |{bar}", time(us))?;
    }
    Ok(())
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
