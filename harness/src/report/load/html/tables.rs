//! The tables of a load run: its sums, its times, and its seconds.

use loadgen::report::LoadReport;
use loadgen::timeline::Window;
use maud::{Markup, html};

use crate::record::GateRecord;
use crate::report::load::gates::{finding, verdict_word};
use crate::report::load::rows::{
    HEADS, NO_ANSWER_NOTE, cells, grouped, is_unanswered, percentile, problems, rows, share, silences, sums, time,
    unanswered,
};
use crate::report::load::verify;
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
                    thead { tr { th { "--fail-if" } th {} th {} } }
                    @for gate in gates {
                        tr {
                            th scope="row" { code { (printable(&gate.expression)) } }
                            td { (verdict_word(gate.verdict)) } td { (finding(gate)) }
                        }
                    }
                } }
            }
        }
    }
}

/// Returns the sums of a run, and what was verified.
pub(super) fn numbers(report: &LoadReport) -> Markup {
    let problems = problems(report).into_iter().map(|(name, count)| (name, grouped(count)));
    let sums = sums(report).into_iter().chain(verify::sums(report)).map(|(name, value)| (name.to_owned(), value));
    html! {
        section #numbers {
            h2 { "Numbers" }
            dl.numbers { @for (name, value) in sums.chain(problems) { div { dt { (name) } dd { (value) } } } }
            @for line in verify::lines(report) { p { (line) } }
        }
    }
}

/// Returns the times by measure, command, node and step.
pub(super) fn times(report: &LoadReport) -> Markup {
    html! {
        section #times {
            h2 { "Times" }
            div.scroll { table {
                thead { tr { th {} @for head in HEADS { th { (head) } } } }
                @for (name, times) in rows(report) {
                    tr { th scope="row" { (name) } @for cell in cells(&times) { td.count { (cell) } } }
                }
            } }
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
