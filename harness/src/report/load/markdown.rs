//! `summary.md` of a load run: a page of a forge, such as the step summary of a CI job.

use super::gates::{finding, verdict_word};
use super::rows::{HEADS, NO_ANSWER_NOTE, cells, ending, facts, grouped, problems, rows, sums, unanswered};
use crate::record::LoadRecord;
use crate::text::{printable, push};

/// The most rows of times.
const ROWS_LIMIT: usize = 200;

/// Returns the content of `summary.md`.
pub fn render(record: &LoadRecord) -> String {
    let mut page = String::new();
    let (word, why) = ending(record);
    push(&mut page, format_args!("# {word}: {}\n\n{}\n", prose(&why), prose(&facts(record).join(", "))));
    if !record.gates.is_empty() {
        page.push_str("\n| --fail-if | | |\n| --- | --- | --- |\n");
    }
    for gate in &record.gates {
        let cells = (prose(&printable(&gate.expression)), verdict_word(gate.verdict), prose(&finding(gate)));
        push(&mut page, format_args!("| {} | {} | {} |\n", cells.0, cells.1, cells.2));
    }
    let Some(report) = &record.load else { return page };
    page.push_str("\n| | |\n| --- | ---: |\n");
    sums(report).iter().for_each(|(name, value)| push(&mut page, format_args!("| {name} | {value} |\n")));
    for (name, count) in problems(report) {
        push(&mut page, format_args!("| {} | {} |\n", prose(&name), grouped(count)));
    }
    let rules = " ---: |".repeat(HEADS.len());
    push(&mut page, format_args!("\n| | {} |\n| --- |{rules}\n", HEADS.join(" | ")));
    for (name, times) in rows(report).iter().take(ROWS_LIMIT) {
        push(&mut page, format_args!("| {} | {} |\n", prose(name), cells(times).join(" | ")));
    }
    if report.failed > 0 {
        push(&mut page, format_args!("\n{}\n", prose(&unanswered(report))));
    }
    if report.latency_us.response.unanswered > 0 {
        push(&mut page, format_args!("\n{}\n", prose(NO_ANSWER_NOTE)));
    }
    page
}

/// Text in which nothing is markup.
fn prose(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation()
            && !matches!(character, '.' | ',' | ':' | ';' | '/' | '%' | '+' | '-' | '\'')
        {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}
