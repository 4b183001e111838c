//! `summary.md`: the run as a page of a forge, such as the step summary of a CI job.
//!
//! Texts from servers go into code only, in a fence that is longer than any run of backticks within.

use super::{causes, digest};
use crate::record::{CheckRecord, Record, Verdict};
use crate::text::{clip_bytes, count, printable, printable_lines, push};

/// The most failures that are shown in full; the others are listed.
const SHOWN_LIMIT: usize = 30;

/// The most lines of one text.
const LINES_LIMIT: usize = 40;

/// The most bytes of one text, so that the whole page stays below the megabyte that forges take.
const TEXT_LIMIT_BYTES: usize = 2048;

/// The most checks that one reason names.
const NAMED_LIMIT: usize = 20;

/// The most reasons of one kind.
const REASONS_LIMIT: usize = 50;

/// Returns the content of `summary.md`.
pub fn render(record: &Record) -> String {
    let mut page = String::new();
    heading(&mut page, record);
    suites(&mut page, record);
    causes(&mut page, record);
    failures(&mut page, record);
    reasons(&mut page, record, Verdict::Known, "Known");
    reasons(&mut page, record, Verdict::Skip, "Skipped");
    measured(&mut page, record);
    page
}

fn heading(page: &mut String, record: &Record) {
    let headline = digest::headline(record);
    push(page, format_args!("# {}: {}\n\n", headline.word, prose(&headline.sentence)));
    push(page, format_args!("{}\n", prose(&digest::facts(record).join(", "))));
    for warning in &record.warnings {
        push(page, format_args!("\n> Warning: {}\n", prose(warning)));
    }
}

fn suites(page: &mut String, record: &Record) {
    if record.checks.is_empty() {
        return;
    }
    let columns = digest::columns(record);
    let heads: String = columns.iter().map(|verdict| format!(" {} |", verdict.name())).collect();
    let rules: String = columns.iter().map(|_| " ---: |").collect();
    push(page, format_args!("\n| suite |{heads}\n| --- |{rules}\n"));
    for (suite, counts) in digest::suite_rows(record) {
        let cells: String = columns.iter().map(|verdict| format!(" {} |", counts.with(*verdict))).collect();
        push(page, format_args!("| {} |{cells}\n", prose(suite)));
    }
}

fn causes(page: &mut String, record: &Record) {
    for line in causes::lines(record) {
        push(page, format_args!("\n{}\n", prose(&line)));
    }
}

fn failures(page: &mut String, record: &Record) {
    let checks = digest::notable(record);
    for check in checks.iter().take(SHOWN_LIMIT) {
        failure(page, record, check);
    }
    if checks.len() > SHOWN_LIMIT {
        push(page, format_args!("\n## And {} more\n\n", checks.len() - SHOWN_LIMIT));
        for check in &checks[SHOWN_LIMIT..] {
            push(page, format_args!("- {} {} ({})\n", check.verdict.word(), code(&check.id), check.level.name()));
        }
    }
}

fn failure(page: &mut String, record: &Record, check: &CheckRecord) {
    push(page, format_args!("\n## {} {} ({})\n", check.verdict.word(), code(&check.id), check.level.name()));
    push(page, format_args!("\n{}\n", prose(&check.title)));
    let mut lines = Vec::new();
    lines.extend(digest::place(check).map(|place| printable(&place).into_owned()));
    for (label, text) in digest::evidence(check) {
        let texts = printable_lines(&clip_bytes(&text, TEXT_LIMIT_BYTES), LINES_LIMIT);
        let labels = std::iter::once(label).chain(std::iter::repeat(""));
        lines.extend(labels.zip(texts).map(|(label, text)| format!("{label:<8}  {text}")));
    }
    lines.push(format!("{:<8}  {}", "again", printable(&digest::again(record, [check]))));
    lines.extend(check.transcript.as_ref().map(|path| format!("{:<8}  {}", "evidence", printable(path))));
    push(page, format_args!("\n{}", fenced(&lines.join("\n"))));
}

fn reasons(page: &mut String, record: &Record, verdict: Verdict, title: &str) {
    let reasons = digest::reasons(record, verdict);
    if reasons.is_empty() {
        return;
    }
    push(page, format_args!("\n## {title}\n\n"));
    for reason in reasons.iter().take(REASONS_LIMIT) {
        let named: Vec<_> = reason.ids.iter().take(NAMED_LIMIT).map(|id| code(id)).collect();
        let others = reason.ids.len().saturating_sub(NAMED_LIMIT);
        let others = if others > 0 { format!(" and {others} more") } else { String::new() };
        let checks = count(reason.ids.len(), "check");
        push(page, format_args!("- {checks}: {}: {}{others}\n", prose(reason.text), named.join(", ")));
    }
    if reasons.len() > REASONS_LIMIT {
        push(page, format_args!("- and {} more reasons\n", reasons.len() - REASONS_LIMIT));
    }
}

fn measured(page: &mut String, record: &Record) {
    let checks: Vec<_> = record.checks.iter().filter(|check| !check.measured.is_empty()).collect();
    if checks.is_empty() {
        return;
    }
    push(page, format_args!("\n## Measured\n\n| check | what | value |\n| --- | --- | ---: |\n"));
    for check in checks {
        for measured in &check.measured {
            let value = format!("{} {}", digest::number(measured.value), measured.unit);
            push(page, format_args!("| {} | {} | {} |\n", code(&check.id), prose(&measured.name), prose(&value)));
        }
    }
}

/// Returns text in which nothing is markup: one line, with what Markdown and HTML give a meaning escaped.
fn prose(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in printable(&clip_bytes(text, TEXT_LIMIT_BYTES)).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '@' | '$' => safe.extend(['\\', character]),
            _ => safe.push(character),
        }
    }
    safe
}

/// Returns text as inline code; bars are replaced, because they would end a table's cell even there.
fn code(text: &str) -> String {
    let text = printable(text).replace('|', "\\u{7c}");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

fn fenced(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}text\n{text}\n{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}
