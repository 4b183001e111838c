//! `report.html`: the run as one page without other files.
//!
//! The style sheet alone filters by verdict. The page has no script and forbids scripts, so no text of a server can
//! become one.

use super::{causes, digest};
use crate::record::{CheckRecord, Counts, Record, Verdict};
use crate::text::{count, printable, printable_lines, push};

/// The most lines of one text.
const LINES_LIMIT: usize = 200;

pub(super) const STYLE: &str = include_str!("html.css");

/// Returns the content of `report.html`.
pub fn render(record: &Record) -> String {
    let mut page = String::new();
    head(&mut page, record);
    suites(&mut page, record);
    for line in causes::lines(record) {
        push(&mut page, format_args!("<p>{}</p>\n", safe(&line)));
    }
    filter(&mut page, record);
    for (suite, checks) in record.suites() {
        push(&mut page, format_args!("<h2>{}</h2>\n", safe(suite)));
        checks.iter().for_each(|check| self::check(&mut page, record, check));
    }
    not_reached(&mut page, record);
    how(&mut page, record);
    page.push_str("</body>\n</html>\n");
    page
}

fn head(page: &mut String, record: &Record) {
    let headline = digest::headline(record);
    let (word, tone) = (headline.word, headline.tone.name());
    let title = format!("rct {}: {word}", record.started);
    push(
        page,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        ),
    );
    let sentence = safe(&headline.sentence);
    push(page, format_args!("<h1 class=\"{tone}\"><span class=\"word\">{word}</span> {sentence}</h1>\n"));
    push(page, format_args!("<p class=\"facts\">{}</p>\n", safe(&digest::facts(record).join(", "))));
    for warning in &record.warnings {
        push(page, format_args!("<p><strong>Warning</strong> {}</p>\n", safe(warning)));
    }
}

fn suites(page: &mut String, record: &Record) {
    let columns = digest::columns(record);
    let heads: String = columns.iter().map(|verdict| format!("<th>{}</th>", verdict.name())).collect();
    push(page, format_args!("<table>\n<tr><th>suite</th>{heads}</tr>\n"));
    for (suite, counts) in digest::suite_rows(record) {
        let cells: String = columns.iter().map(|verdict| format!("<td>{}</td>", cell(&counts, *verdict))).collect();
        push(page, format_args!("<tr><td>{}</td>{cells}</tr>\n", safe(suite)));
    }
    page.push_str("</table>\n");
}

fn cell(counts: &Counts, verdict: Verdict) -> String {
    match counts.with(verdict) {
        0 => "-".to_owned(),
        number => number.to_string(),
    }
}

fn filter(page: &mut String, record: &Record) {
    page.push_str("<fieldset>\n<legend>Show</legend>\n");
    for verdict in digest::columns(record) {
        let (name, word, number) = (verdict.name(), verdict.word(), record.counts.with(verdict));
        push(
            page,
            format_args!("<label><input type=\"checkbox\" id=\"show-{name}\" checked> {word} ({number})</label>\n"),
        );
    }
    page.push_str("</fieldset>\n");
}

fn check(page: &mut String, record: &Record, check: &CheckRecord) {
    let verdict = check.verdict;
    let open = if matches!(verdict, Verdict::Pass | Verdict::Skip | Verdict::Known) { "" } else { " open" };
    push(page, format_args!("<details class=\"{}\"{open}><summary>", verdict.name()));
    push(page, format_args!("<span class=\"word\">{}</span><code>{}</code>", verdict.word(), safe(&check.id)));
    push(page, format_args!("<span class=\"dim\">{}</span>", check.level.name()));
    push(page, format_args!("<span class=\"dim\">{:.3} s</span></summary>\n", check.duration_ms / 1000.0));
    push(page, format_args!("<div>{}\n<dl>\n", safe(&check.title)));
    for (label, text) in details(check) {
        let lines = printable_lines(&text, LINES_LIMIT).join("\n");
        push(page, format_args!("<dt>{label}</dt><dd><pre>{}</pre></dd>\n", escaped(&lines)));
    }
    if let Some(path) = check.transcript.as_ref().filter(|path| path.starts_with("transcripts/")) {
        // A path of our own making leads to the file; any other in a record that was read back could lead anywhere.
        push(page, format_args!("<dt>transcript</dt><dd><a href=\"{0}\">{0}</a></dd>\n", safe(path)));
    }
    if open.is_empty() {
        page.push_str("</dl></div></details>\n");
        return;
    }
    push(page, format_args!("<dt>again</dt><dd><pre>{}</pre></dd>\n", safe(&digest::again(record, [check]))));
    page.push_str("</dl></div></details>\n");
}

/// Returns everything that the record knows of a check beside its summary line, each with its label.
fn details(check: &CheckRecord) -> Vec<(&'static str, String)> {
    let mut details = digest::evidence(check);
    details.extend(digest::place(check).map(|place| ("source", place)));
    details.extend(check.spec.clone().map(|spec| ("spec", spec)));
    details.extend(check.shape.clone().map(|shape| ("shape", shape)));
    details.extend((!check.statements.is_empty()).then(|| ("statements", check.statements.join("\n"))));
    details
}

fn not_reached(page: &mut String, record: &Record) {
    if record.not_run.is_empty() {
        return;
    }
    push(page, format_args!("<h2>{} not reached</h2>\n<ul>\n", count(record.not_run.len(), "check")));
    for id in &record.not_run {
        push(page, format_args!("<li><code>{}</code></li>\n", safe(id)));
    }
    page.push_str("</ul>\n");
}

fn how(page: &mut String, record: &Record) {
    page.push_str("<h2>How it ran</h2>\n<dl>\n");
    let rows = [
        ("command", record.command.join(" ")),
        ("rct", record.rct.clone()),
        ("started", record.started.to_string()),
        ("addresses", record.target.addresses.join("\n")),
    ];
    for (label, text) in rows.into_iter().filter(|(_, text)| !text.is_empty()) {
        let lines = printable_lines(&text, LINES_LIMIT).join("\n");
        push(page, format_args!("<dt>{label}</dt><dd><pre>{}</pre></dd>\n", escaped(&lines)));
    }
    page.push_str("</dl>\n");
}

/// Returns text in one line in which nothing is markup.
pub(super) fn safe(text: &str) -> String {
    escaped(&printable(text))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}
