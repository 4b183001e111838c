//! `summary.md` of a load run: a page of a forge, such as the step summary of a CI job.

use super::events;
use super::gates::{finding, verdict_word};
use super::rows::{HEADS, NO_ANSWER_NOTE, cells, ending, facts, grouped, left_out, problems, rows, sums, unanswered};
use super::verify;
use crate::record::LoadRecord;
use crate::text::{printable, push};

/// The most rows of times.
const ROWS_LIMIT: usize = 200;

/// Returns the content of `summary.md`.
pub fn render(record: &LoadRecord) -> String {
    let mut page = String::new();
    let (word, why) = ending(record);
    push(&mut page, format_args!("# {word}: {}\n\n{}\n", prose(&why), prose(&facts(record).join(", "))));
    left_out(record).iter().for_each(|line| push(&mut page, format_args!("\n> Warning: {}\n", prose(line))));
    if !record.gates.is_empty() {
        page.push_str("\n| --fail-if | | |\n| --- | --- | --- |\n");
    }
    for gate in &record.gates {
        let cells = (prose(&printable(&gate.expression)), verdict_word(gate.verdict), prose(&finding(gate)));
        push(&mut page, format_args!("| {} | {} | {} |\n", cells.0, cells.1, cells.2));
    }
    events_of(&mut page, record);
    let Some(report) = &record.load else { return page };
    page.push_str("\n| | |\n| --- | ---: |\n");
    let sums = sums(report).into_iter().chain(verify::sums(report));
    sums.for_each(|(name, value)| push(&mut page, format_args!("| {name} | {value} |\n")));
    for (name, count) in problems(report) {
        push(&mut page, format_args!("| {} | {} |\n", prose(&name), grouped(count)));
    }
    verify::lines(report).iter().for_each(|line| push(&mut page, format_args!("\n* {}", prose(line))));
    if report.verify.is_some() || report.wait.is_some() {
        page.push('\n');
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

/// The events, each with the outages after it.
fn events_of(page: &mut String, record: &LoadRecord) {
    let outages = record.load.as_ref().map_or(&[][..], |report| &report.outages);
    for fault in &record.events {
        push(page, format_args!("\nEvent {}: {}\n", fault.number, prose(&events::head(fault))));
        events::remarks(fault).iter().for_each(|remark| push(page, format_args!("\n{}\n", prose(remark))));
        let (rows, rest) = events::rows(outages, fault);
        if !rows.is_empty() {
            let rules = " ---: |".repeat(events::HEADS.len());
            push(page, format_args!("\n| shard | {} |\n| --- |{rules}\n", events::HEADS.join(" | ")));
        }
        for outage in rows {
            push(page, format_args!("| {} | {} |\n", events::name(outage), events::cells(outage).join(" | ")));
        }
        rest.iter().for_each(|rest| push(page, format_args!("\n{}\n", prose(rest))));
    }
    if !record.events.is_empty() {
        push(page, format_args!("\n{}\n", prose(&events::note())));
    }
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
