//! The tables of a load run: its sums, its times, and its seconds.

use loadgen::report::LoadReport;
use loadgen::timeline::Window;
use maud::{Markup, html};

use crate::record::{GateRecord, GateVerdict, Verdict};
use crate::report::load::gates::{finding, verdict_word};
use crate::report::load::rows::{
    HEADS, MEASURES, NO_ANSWER_NOTE, cells, grouped, is_unanswered, meaning, percentile, problems, rows, share,
    silences, sums, time, unanswered,
};
use crate::report::load::verify;
use crate::report::page::sign;
use crate::text::printable;

/// The most seconds that the table lists; the charts show all.
const SECONDS_LIMIT: usize = 600;

/// Returns the gates, and their verdicts.
pub(super) fn gates(gates: &[GateRecord]) -> Markup {
    html! {
        @if !gates.is_empty() {
            section #gates {
                h2 { "Gates" }
                div.scroll { table {
                    thead { tr { th { "the run fails if" } th { "verdict" } th { "found" } } }
                    @for gate in gates {
                        @let tone = tone(gate.verdict);
                        tr {
                            th scope="row" { code { (printable(&gate.expression)) } }
                            td { span class={ "badge " (tone.name()) } { (sign(tone)) " " (verdict_word(gate.verdict)) } }
                            td { (finding(gate)) }
                        }
                    }
                } }
            }
        }
    }
}

/// The verdict whose colour and sign fits a gate.
fn tone(verdict: GateVerdict) -> Verdict {
    match verdict {
        GateVerdict::Passed => Verdict::Pass,
        GateVerdict::Missed => Verdict::Fail,
        GateVerdict::NotJudged => Verdict::Broken,
    }
}

/// Returns the sums of a run, what went wrong, and what was verified.
pub(super) fn numbers(report: &LoadReport) -> Markup {
    let sums = sums(report).into_iter().chain(verify::sums(report));
    let problems = problems(report);
    html! {
        section #numbers {
            h2 { "Numbers" }
            dl.numbers {
                @for (name, value) in sums { div { dt { (name) } dd { (value) } } }
                @for (name, count) in &problems {
                    div { dt { (name) @if let Some(words) = meaning(name) { small { (words) } } } dd { (grouped(*count)) } }
                }
            }
            @for line in verify::lines(report) { p.note { (line) } }
        }
    }
}

/// Returns the times by measure, command, node and step.
pub(super) fn times(report: &LoadReport) -> Markup {
    let shown = rows(report);
    html! {
        section #times {
            h2 { "Times" }
            div.scroll { table {
                thead { tr { th {} @for head in HEADS { th { (head) } } } }
                @for (name, times) in &shown {
                    tr { th scope="row" { (name) } @for cell in cells(times) { td.count { (cell) } } }
                }
            } }
            dl.rows {
                @for (name, meaning) in MEASURES.iter().filter(|(name, _)| shown.iter().any(|(row, _)| row == name)) {
                    dt { (name) } dd { (meaning) }
                }
            }
            @if report.failed > 0 { p { (unanswered(report)) } }
            @if report.latency_us.response.unanswered > 0 { p.note { (NO_ANSWER_NOTE) } }
            @if report.mode == "closed" { (silent(report)) }
        }
    }
}

fn silent(report: &LoadReport) -> Markup {
    let silences = silences(report);
    html! {
        h3 { "Longest time without a good reply while operations waited" }
        @if !silences.is_empty() {
            div.scroll { table {
                @for (address, seconds) in silences { tr { th scope="row" { (address) } td.count { (time(seconds * 1e6)) } } }
            } }
        }
        p.note { "Times under 50 ms are not listed." }
    }
}

/// Returns the timeline as a table, folded.
pub(super) fn seconds(windows: &[Window]) -> Markup {
    const NAMES: [&str; 9] =
        ["planned", "answered", "p50", "p99", "max", "no answer", "redirects", "errors", "not sent"];
    html! {
        section #seconds {
            h2 { "Second by second" }
            details {
                summary { "Show the table" }
                div.scroll { table {
                    thead { tr { th { "s" } @for name in NAMES { th { (name) } } } }
                    @for window in windows.iter().take(SECONDS_LIMIT) {
                        tr { th scope="row" { (format!("{:.1}", window.at_s)) } @for cell in second(window) { td.count { (cell) } } }
                    }
                } }
                @if windows.len() > SECONDS_LIMIT {
                    p.note { "The table ends after " (SECONDS_LIMIT) " seconds. run.json has all of them." }
                }
            }
        }
    }
}

/// The cells of a second.
fn second(window: &Window) -> Vec<String> {
    let answered = format!("{}{}", grouped(window.operations), share(window.operations, window.planned));
    let times = match &window.response_us {
        None => ["-"; 3].map(str::to_owned),
        Some(brief) => [("p50", brief.p50), ("p99", brief.p99), ("max", brief.max)]
            .map(|(name, us)| percentile(us, is_unanswered(&brief.no_answer, name))),
    };
    let counts = [window.failed, window.redirects, window.errors, window.not_sent].map(grouped);
    [grouped(window.planned), answered].into_iter().chain(times).chain(counts).collect()
}
