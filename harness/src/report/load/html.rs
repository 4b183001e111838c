//! `report.html` of a load run: one page that needs nothing beside it, without a script.

use loadgen::report::LoadReport;
use loadgen::timeline::Window;

use super::events;
use super::gates::{finding, verdict_word};
use super::rows::{
    HEADS, NO_ANSWER_NOTE, cells, ending, facts, grouped, is_unanswered, left_out, percentile, problems, rows, share,
    silences, sums, time, unanswered,
};
use super::verify;
use crate::record::{FaultRecord, GateRecord, LoadRecord};
use crate::report::page::{STYLE, safe};
use crate::text::push;

/// The size of a chart, in pixels.
const CHART: (f64, f64) = (900.0, 120.0);
/// The most seconds that the timeline lists; the charts show all.
const SECONDS_LIMIT: usize = 600;

/// Returns the content of `report.html`.
pub fn render(record: &LoadRecord) -> String {
    let mut page = String::new();
    let (word, why) = ending(record);
    let tone = if word == "DONE" { "pass" } else { "fail" };
    push(
        &mut page,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>rct load {}: {word}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <h1 class=\"{tone}\"><span class=\"word\">{word}</span> {}</h1>\n<p class=\"facts\">{}</p>\n",
            record.started,
            safe(&why),
            safe(&facts(record).join(", "))
        ),
    );
    for line in left_out(record) {
        push(&mut page, format_args!("<p><strong>Warning</strong> {}</p>\n", safe(&line)));
    }
    gates(&mut page, &record.gates);
    if let Some(report) = &record.load {
        numbers(&mut page, report);
        events_of(&mut page, record);
        timeline(&mut page, &report.windows, &record.events);
    }
    push(&mut page, format_args!("<h2>How it ran</h2>\n<p><code>{}</code></p>\n", safe(&record.command.join(" "))));
    page.push_str("</body>\n</html>\n");
    page
}

fn gates(page: &mut String, gates: &[GateRecord]) {
    if gates.is_empty() {
        return;
    }
    page.push_str("<h2>Gates</h2>\n<table>\n<tr><th>--fail-if</th><th></th><th></th></tr>\n");
    for gate in gates {
        let (expression, finding) = (safe(&gate.expression), finding(gate));
        let (word, finding) = (verdict_word(gate.verdict), safe(&finding));
        push(page, format_args!("<tr><td>{expression}</td><td>{word}</td><td>{finding}</td></tr>\n"));
    }
    page.push_str("</table>\n");
}

fn numbers(page: &mut String, report: &LoadReport) {
    page.push_str("<table>\n");
    let problems = problems(report).into_iter().map(|(name, count)| (name, grouped(count)));
    let sums = sums(report).into_iter().chain(verify::sums(report)).map(|(name, value)| (name.to_owned(), value));
    for (name, value) in sums.chain(problems) {
        push(page, format_args!("<tr><td>{}</td><td>{}</td></tr>\n", safe(&name), safe(&value)));
    }
    page.push_str("</table>\n");
    let lines = verify::lines(report);
    lines.iter().for_each(|line| push(page, format_args!("<p>{}</p>\n", safe(line))));
    let heads: String = HEADS.iter().map(|head| format!("<th>{head}</th>")).collect();
    push(page, format_args!("<h2>Times</h2>\n<table>\n<tr><th></th>{heads}</tr>\n"));
    for (name, times) in rows(report) {
        let cells: String = cells(&times).iter().map(|cell| format!("<td>{cell}</td>")).collect();
        push(page, format_args!("<tr><td>{}</td>{cells}</tr>\n", safe(&name)));
    }
    page.push_str("</table>\n");
    if report.failed > 0 {
        push(page, format_args!("<p>{}</p>\n", safe(&unanswered(report))));
    }
    if report.latency_us.response.unanswered > 0 {
        push(page, format_args!("<p class=\"dim\">{}</p>\n", safe(NO_ANSWER_NOTE)));
    }
    if report.mode == "closed" {
        page.push_str("<h2>Longest time without a good reply while operations waited</h2>\n<table>\n");
        for (address, seconds) in silences(report) {
            push(page, format_args!("<tr><td>{}</td><td>{}</td></tr>\n", safe(&address), time(seconds * 1e6)));
        }
        page.push_str("</table>\n<p class=\"dim\">Times under 50 ms are not listed.</p>\n");
    }
}

/// The events, each with the outages after it.
fn events_of(page: &mut String, record: &LoadRecord) {
    let outages = record.load.as_ref().map_or(&[][..], |report| &report.outages);
    if !record.events.is_empty() {
        push(page, format_args!("<h2>Events</h2>\n<p class=\"dim\">{}</p>\n", safe(events::NOTE)));
    }
    for fault in &record.events {
        push(page, format_args!("<h3>{}. {}</h3>\n", fault.number, safe(&events::head(fault))));
        events::remarks(fault).iter().for_each(|remark| push(page, format_args!("<p>{}</p>\n", safe(remark))));
        let (rows, rest) = events::rows(outages, fault);
        let heads: String = events::HEADS.iter().map(|head| format!("<th>{head}</th>")).collect();
        push(page, format_args!("<table>\n<tr><th>shard</th>{heads}</tr>\n"));
        for outage in rows {
            let cells: String = events::cells(outage).iter().map(|cell| format!("<td>{}</td>", safe(cell))).collect();
            push(page, format_args!("<tr><td>{}</td>{cells}</tr>\n", safe(&events::name(outage))));
        }
        page.push_str("</table>\n");
        rest.iter().for_each(|rest| push(page, format_args!("<p>{}</p>\n", safe(rest))));
    }
}

fn timeline(page: &mut String, windows: &[Window], events: &[FaultRecord]) {
    page.push_str("<h2>Second by second</h2>\n");
    let rate = |window: &Window| window.operations as f64 / window.length_s.max(0.001);
    let p99 = |window: &Window| window.response_us.as_ref().map_or(0.0, |brief| brief.p99);
    let no_answer = |window: &Window| window.failed as f64 / window.planned.max(1) as f64 * 100.0;
    chart(page, windows, events, "operations/s", rate, |most| grouped(most as u64));
    chart(page, windows, events, "p99", p99, time);
    chart(page, windows, events, "operations without an answer", no_answer, |most| format!("{most:.1} %"));
    page.push_str(
        "<table>\n<tr><th>s</th><th>planned</th><th>answered</th><th>p50</th><th>p99</th><th>max</th>\
         <th>no answer</th><th>redirects</th><th>errors</th><th>not sent</th></tr>\n",
    );
    for window in windows.iter().take(SECONDS_LIMIT) {
        let cells: String = second(window).iter().map(|cell| format!("<td>{cell}</td>")).collect();
        push(page, format_args!("<tr><td>{:.1}</td>{cells}</tr>\n", window.at_s));
    }
    page.push_str("</table>\n");
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

fn chart(
    page: &mut String,
    windows: &[Window],
    events: &[FaultRecord],
    name: &str,
    value: impl Fn(&Window) -> f64,
    label: impl Fn(f64) -> String,
) {
    let most = windows.iter().map(&value).fold(0.0, f64::max);
    let (width, height) = CHART;
    let end_s = windows.last().map_or(1.0, |window| window.at_s + window.length_s).max(0.001);
    let point = |window: &Window| {
        let across = (window.at_s + window.length_s / 2.0) / end_s * width;
        format!("{across:.1},{:.1}", height - value(window) / most.max(1e-9) * height)
    };
    let points: Vec<String> = windows.iter().map(point).collect();
    let mark = |fault: &FaultRecord| {
        let across = fault.began_s? / end_s * width;
        Some(format!(
            "<line x1=\"{across:.1}\" y1=\"0\" x2=\"{across:.1}\" y2=\"{height}\" stroke=\"currentColor\" \
             stroke-dasharray=\"4 3\"><title>{}</title></line>",
            safe(&fault.action)
        ))
    };
    let marks: String = events.iter().filter_map(mark).collect();
    push(
        page,
        format_args!(
            "<p class=\"dim\">{name}, at most {}</p>\n<svg viewBox=\"0 0 {width} {height}\" width=\"100%\" role=\"img\" \
             aria-label=\"{name} over time\"><polyline fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" \
             points=\"{}\"/>{marks}</svg>\n",
            label(most),
            points.join(" ")
        ),
    );
}
