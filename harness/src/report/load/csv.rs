//! `rct report --format csv` of a load run: a line for each part of its timeline, usually a second.

use crate::record::LoadRecord;
use crate::report::csv::line;

/// The columns of the table.
const COLUMNS: [&str; 12] = [
    "at_s",
    "length_s",
    "part",
    "planned",
    "operations",
    "failed",
    "not_sent",
    "redirects",
    "errors",
    "p50_us",
    "p99_us",
    "max_us",
];

/// Returns a line for each part of the timeline, below a line with the names of the columns.
pub fn render(record: &LoadRecord) -> String {
    let mut table = line(COLUMNS.map(str::to_owned));
    for window in record.load.iter().flat_map(|report| &report.windows) {
        let times = window.response_us.as_ref();
        let times = times.map_or([String::new(), String::new(), String::new()], |times| {
            [times.p50, times.p99, times.max].map(|us| us.to_string())
        });
        let part = serde_json::to_value(window.part).ok().and_then(|part| part.as_str().map(str::to_owned));
        let counts =
            [window.planned, window.operations, window.failed, window.not_sent, window.redirects, window.errors];
        let first = [window.at_s.to_string(), window.length_s.to_string(), part.unwrap_or_default()];
        table += &line(first.into_iter().chain(counts.map(|count| count.to_string())).chain(times));
    }
    table
}
