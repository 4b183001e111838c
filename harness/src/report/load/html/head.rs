//! The top of the page of a load run: how it ended, what it was, and the numbers that count.

use loadgen::report::LoadReport;
use maud::{Markup, html};

use crate::record::{GateVerdict, LoadRecord, Verdict};
use crate::report::load::rows::{ending, grouped, is_unanswered, left_out, named_facts, planned, share, time};
use crate::report::page;
use crate::report::place::host_sentence;

/// Returns the head of the page of a run.
pub(super) fn of_run(record: &LoadRecord) -> Markup {
    let (word, why) = ending(record);
    let tone = tone(record, word);
    html! {
        header class=(tone.name()) {
            p.kicker { "rct load" }
            h1 {
                span class={ "badge " (tone.name()) } { (page::sign(tone)) " " (word) }
                " " span.sentence { (why) }
            }
            @if let Some(report) = &record.load { (tiles(report)) }
            (page::facts(&all_facts(record)))
            @for line in left_out(record) { p.warning { strong { "Warning" } " " (line) } }
        }
    }
}

fn all_facts(record: &LoadRecord) -> Vec<(&'static str, String)> {
    let last = [
        ("started", record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ("exit status", record.exit_status.map(|status| status.to_string()).unwrap_or_default()),
        ("ran on", record.host.as_ref().map(host_sentence).unwrap_or_default()),
    ];
    named_facts(record).into_iter().chain(last).collect()
}

/// The verdict whose colour and sign fits how a run ended.
pub(super) fn tone(record: &LoadRecord, word: &str) -> Verdict {
    let is_missed = record.gates.iter().any(|gate| gate.verdict == GateVerdict::Missed);
    match word {
        "DONE" => Verdict::Pass,
        _ if is_missed => Verdict::Fail,
        _ => Verdict::Broken,
    }
}

/// The numbers that a reader looks for first.
fn tiles(report: &LoadReport) -> Markup {
    let response = &report.latency_us.response;
    let percentile = |name, us| match is_unanswered(&response.no_answer, name) {
        true => (format!("≥ {}", time(us)), "no answer"),
        false => (time(us), ""),
    };
    let offered = report.offered_per_s.filter(|_| report.steps.len() < 2);
    let offered = offered.map_or(String::new(), |rate| format!("of {} planned", grouped(rate.round() as u64)));
    let outage_s = report.outages.iter().map(|outage| outage.outage_s).fold(0.0, f64::max);
    let of_all = format!("{} of {}", grouped(report.operations), grouped(planned(report)));
    html! {
        dl.tiles {
            (tile("operations per second", (grouped(report.operations_per_s as u64), &offered)))
            (tile("answered", (answered_share(report), &of_all)))
            (tile("p50", percentile("p50", response.p50)))
            (tile("p99", percentile("p99", response.p99)))
            (tile("longest response", percentile("max", response.max)))
            @if outage_s > 0.0 { (tile("longest outage of a shard", (time(outage_s * 1e6), ""))) }
            @if let Some(verify) = &report.verify {
                (tile("lost writes", (verify.lost.map_or("unknown".to_owned(), grouped), &acknowledged(verify.acknowledged))))
            }
        }
    }
}

fn acknowledged(number: u64) -> String {
    format!("of {} acknowledged", grouped(number))
}

/// The share of the planned operations that got a good reply, rounded down.
fn answered_share(report: &LoadReport) -> String {
    let share = share(report.operations, planned(report));
    share.trim_matches([' ', '(', ')']).to_owned()
}

fn tile(name: &str, (value, note): (String, &str)) -> Markup {
    html! { div { dt { (name) } dd { (value) " " small { (note) } } } }
}
