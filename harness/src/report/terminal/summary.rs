//! The end of the report: suites and verdicts in a table, what to look at, what to do next, and the verdict last.

use std::path::Path;

use super::paint::Paint;
use super::style::{ID_COLUMNS, Style};
use unicode_width::UnicodeWidthStr;

use crate::record::{CheckRecord, Counts, Record, Verdict};
use crate::report::{causes, digest};
use crate::text::{clip_columns, pad, printable, printable_lines, shell_word, wrap_columns};

/// The most checks, reasons or values that one list of the summary shows; `run.json` has all.
const LIST_LIMIT: usize = 20;

/// Where a text begins that does not fit beside a long id.
const FURTHER: &str = "        ";

/// The most lines of a reason or a value on a narrow screen.
const ITEM_LINES: usize = 4;

/// The most checks that the command for another run names.
const AGAIN_LIMIT: usize = 5;

/// The file of the run's folder that shows every check with the command that runs it again.
const PAGE: &str = "report.html";

/// The most lines of the reason why no check ran.
const PROBLEM_LINES: usize = 20;

/// Returns the lines of the summary, without line ends.
pub(super) fn lines(record: &Record, folder: Option<&Path>, style: Style) -> Vec<String> {
    let summary = Summary { record, style, paint: Paint { enabled: style.colour } };
    if let (true, Some(problem)) = (record.checks.is_empty(), &record.problem) {
        return summary.no_cluster(problem);
    }
    if style.is_brief {
        return summary.verdict();
    }
    let sections = [
        summary.suites(),
        summary.causes(),
        summary.notable(),
        summary.reasons(Verdict::Known, "known"),
        summary.reasons(Verdict::Skip, "skipped"),
        summary.not_reached(),
        summary.measured(),
        summary.warnings(),
        summary.next(folder),
        summary.verdict(),
    ];
    sections
        .into_iter()
        .filter(|section| !section.is_empty())
        .flat_map(|section| [vec![String::new()], section])
        .flatten()
        .collect()
}

struct Summary<'a> {
    record: &'a Record,
    style: Style,
    paint: Paint,
}

impl Summary<'_> {
    /// Where no check ran, why not is all there is to say.
    fn no_cluster(&self, problem: &str) -> Vec<String> {
        let mut lines = printable_lines(problem, PROBLEM_LINES);
        if let Some(first) = lines.first_mut() {
            *first = format!("{}  {first}", self.paint.verdict(Verdict::Broken, Verdict::Broken.word()));
        }
        lines
    }

    fn suites(&self) -> Vec<String> {
        if self.record.checks.is_empty() {
            return Vec::new();
        }
        let rows = digest::suite_rows(self.record);
        let columns = digest::columns(self.record);
        let name_columns = rows.iter().map(|(suite, _)| suite.width()).max().unwrap_or(0).clamp(12, 40);
        let heads: String = columns.iter().map(|verdict| format!("{:>8}", verdict.name())).collect();
        let head = self.fitting(&format!("  {}{heads}", pad("suite", name_columns)));
        let last = rows.len() - 1;
        let body = rows.iter().enumerate().map(|(place, (suite, counts))| {
            let name = pad(&clip_columns(&printable(suite), name_columns), name_columns);
            let line = self.fitting(&format!("  {name}{}", cells(counts, &columns)));
            if place == last { self.paint.strong(&line) } else { line }
        });
        std::iter::once(self.paint.faint(&head)).chain(body).collect()
    }

    fn causes(&self) -> Vec<String> {
        causes::lines(self.record).iter().map(|line| self.fitting(&format!("  {}", printable(line)))).collect()
    }

    fn notable(&self) -> Vec<String> {
        let checks = digest::notable(self.record);
        let lines = checks.iter().map(|check| {
            let verdict = format!("  {:<7}", check.verdict.word());
            let room = self.style.columns.saturating_sub(verdict.len());
            let [long, short] = self.not_counted(check);
            let rest = format!(" {:<6} {}", check.level.name(), printable(&check.id));
            let note = if rest.width() + long.width() <= room { long } else { short };
            let rest = format!("{rest}{note}");
            vec![format!("{}{}", self.paint.verdict(check.verdict, &verdict), clip_columns(&rest, room))]
        });
        limited(lines.collect())
    }

    /// That a failure does not fail the run: with the reason, and in brief.
    fn not_counted(&self, check: &CheckRecord) -> [String; 2] {
        if check.verdict == Verdict::Fail && !self.record.is_failing(check) {
            let level = self.record.level.name();
            [format!("  (below level {level}, not counted)"), "  (not counted)".to_owned()]
        } else {
            Default::default()
        }
    }

    fn reasons(&self, verdict: Verdict, title: &str) -> Vec<String> {
        let reasons = digest::reasons(self.record, verdict);
        let items = reasons.iter().map(|reason| {
            let text = reason.text.lines().next().unwrap_or_default();
            self.wrapped(&format!("    {:>4}  ", reason.ids.len()), text)
        });
        self.titled(title, limited(items.collect()))
    }

    fn not_reached(&self) -> Vec<String> {
        let items = self.record.not_run.iter().map(|id| vec![self.fitting(&format!("    {}", printable(id)))]);
        self.titled("not reached", limited(items.collect()))
    }

    fn measured(&self) -> Vec<String> {
        let items = self.record.checks.iter().filter_map(|check| {
            let measured = digest::measured_in_brief(check)?;
            let id = pad(&printable(&check.id), *ID_COLUMNS.start());
            Some(self.wrapped(&format!("    {id}  "), &measured))
        });
        self.titled("measured", limited(items.collect()))
    }

    fn warnings(&self) -> Vec<String> {
        let items = self.record.warnings.iter().map(|warning| self.wrapped("    ", warning));
        self.titled("warnings", limited(items.collect()))
    }

    /// A text behind what it is about; further lines begin below its first word.
    fn wrapped(&self, about: &str, text: &str) -> Vec<String> {
        if about.width() > self.style.columns * 3 / 5 {
            let line = self.fitting(about);
            return std::iter::once(line).chain(self.wrapped(FURTHER, text)).collect();
        }
        let further = " ".repeat(about.width());
        let lines = wrap_columns(&printable(text), self.style.columns.saturating_sub(about.width()), ITEM_LINES);
        let starts = std::iter::once(about).chain(std::iter::repeat(&*further));
        starts.zip(lines).map(|(start, line)| format!("{start}{line}").trim_end().to_owned()).collect()
    }

    fn next(&self, folder: Option<&Path>) -> Vec<String> {
        let checks = digest::notable(self.record);
        let mut lines: Vec<String> =
            folder.map(|folder| format!("  results  {}", folder.display())).into_iter().collect();
        if let Some(check) = checks.first() {
            lines.push(format!("  explain  rct explain {}", shell_word(&check.id)));
            let again = digest::again(self.record, checks.iter().copied().take(AGAIN_LIMIT));
            lines.push(format!("  again    {again}"));
        }
        let rest = checks.len().saturating_sub(AGAIN_LIMIT);
        if rest > 0 {
            let page = folder.map_or(PAGE.into(), |folder| folder.join(PAGE));
            lines.push(format!("           {rest} more did not pass: {} has the command for each", page.display()));
        }
        lines.iter().map(|line| printable(line).into_owned()).collect()
    }

    fn verdict(&self) -> Vec<String> {
        let headline = digest::headline(self.record);
        let facts = digest::facts(self.record).join(", ");
        let word = self.paint.verdict(headline.tone, headline.word);
        vec![format!("  {}", printable(&facts)), format!("{word}: {}", printable(&headline.sentence))]
    }

    fn titled(&self, title: &str, lines: Vec<String>) -> Vec<String> {
        if lines.is_empty() {
            lines
        } else {
            std::iter::once(self.paint.faint(&format!("  {title}"))).chain(lines).collect()
        }
    }

    fn fitting(&self, line: &str) -> String {
        clip_columns(line.trim_end(), self.style.columns).into_owned()
    }
}

fn cells(counts: &Counts, columns: &[Verdict]) -> String {
    let cell = |verdict: &Verdict| match counts.with(*verdict) {
        0 => format!("{:>8}", "-"),
        number => format!("{number:>8}"),
    };
    columns.iter().map(cell).collect()
}

/// The lines of the first items, and how many more there are.
fn limited(items: Vec<Vec<String>>) -> Vec<String> {
    let rest = items.len().saturating_sub(LIST_LIMIT);
    let mut lines: Vec<String> = items.into_iter().take(LIST_LIMIT).flatten().collect();
    if rest > 0 {
        lines.push(format!("  ... and {rest} more"));
    }
    lines
}
