//! `rct list`: prints checks, defects or statements, and runs nothing.

use std::fmt::Write as _;

use serde::Serialize;
use suites::Check;
use suites::statements::{Statement, statements};

use super::args::{Format, List};
use super::catalogue::{catalogue, needs};
use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;
use crate::runner::pattern::{Pattern, hint, names_of};
use crate::text::count;

/// Prints the checks or the defects that match the patterns.
pub(super) fn run(arguments: &List) -> Result<ExitStatus, Failure> {
    if arguments.defects {
        return list_defects(arguments);
    }
    if arguments.statements {
        return list_statements(arguments);
    }
    let catalogue = catalogue(&arguments.suite)?;
    let patterns: Vec<Pattern> = arguments.pattern.iter().map(Pattern::new).collect();
    let fits = |check: &&Check| patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(&check.id));
    let checks: Vec<&Check> = catalogue.checks().iter().filter(fits).collect();
    if checks.is_empty() {
        let typed = arguments.pattern.join(" ");
        let hint = hint(&typed, names_of(catalogue.checks()));
        return Err(Failure::NothingFits { kind: "check", typed, hint, list: "rct list" });
    }
    match arguments.format {
        Format::Human => out::text(&table(&checks)),
        Format::Json => out::data(&json(&checks)?),
    }
    Ok(ExitStatus::Success)
}

#[derive(Serialize)]
struct ListedDefect<'a> {
    name: &'static str,
    sentence: &'static str,
    /// Every check that fails because of it, on any server.
    fails: Vec<&'a str>,
}

fn list_defects(arguments: &List) -> Result<ExitStatus, Failure> {
    let patterns: Vec<Pattern> = arguments.pattern.iter().map(Pattern::new).collect();
    let matrix = defects::Matrix::committed()?;
    let listed: Vec<ListedDefect<'_>> = defects::all()
        .filter(|defect| patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(defect.name)))
        .map(|defect| {
            let fails = matrix.failing(defect.name).collect();
            ListedDefect { name: defect.name, sentence: defect.sentence, fails }
        })
        .collect();
    if listed.is_empty() {
        let typed = arguments.pattern.join(" ");
        let hint = hint(&typed, defects::all().map(|defect| defect.name));
        return Err(Failure::NothingFits { kind: "defect", typed, hint, list: "rct list --defects" });
    }
    let text = match arguments.format {
        Format::Json => serde_json::to_string_pretty(&listed)? + "\n",
        Format::Human => {
            let width = listed.iter().map(|defect| defect.name.len()).max().unwrap_or(0);
            let rows = listed.iter().map(|defect| format!("{:<width$}  {}\n", defect.name, defect.sentence));
            rows.chain([format!(
                "\n{}; rct conform --defect NAME shows what one looks like\n",
                count(listed.len(), "defect")
            )])
            .collect()
        }
    };
    match arguments.format {
        Format::Json => out::data(&text),
        Format::Human => out::text(&text),
    }
    Ok(ExitStatus::Success)
}

#[derive(Serialize)]
struct ListedStatement<'a> {
    id: &'static str,
    level: String,
    /// The checks that cover it.
    checks: Vec<&'a str>,
    /// Why no check covers it.
    reason: Option<&'static str>,
}

fn list_statements(arguments: &List) -> Result<ExitStatus, Failure> {
    let patterns: Vec<Pattern> = arguments.pattern.iter().map(Pattern::new).collect();
    let catalogue = catalogue(&[])?;
    let covered = suites::catalogue::coverage(catalogue.checks());
    // A pattern names a statement, or a group as it would name a suite.
    let named = |pattern: &Pattern, id: &str| pattern.fits(id) || pattern.fits(&id.replacen('.', "/", 1));
    let fits = |id: &str| patterns.is_empty() || patterns.iter().any(|pattern| named(pattern, id));
    let listed: Vec<ListedStatement<'_>> = statements()
        .into_iter()
        .filter(|statement| fits(statement.id))
        .map(|Statement { id, level, reason }| {
            let checks = covered.get(id).cloned().unwrap_or_default();
            ListedStatement { id, level: level.to_string(), checks, reason }
        })
        .collect();
    if listed.is_empty() {
        let typed = arguments.pattern.join(" ");
        let hint = hint(&typed, statements().into_iter().map(|statement| statement.id));
        return Err(Failure::NothingFits { kind: "statement", typed, hint, list: "rct list --statements" });
    }
    match arguments.format {
        Format::Human => out::data(&statement_table(&listed)),
        Format::Json => out::data(&(serde_json::to_string_pretty(&listed)? + "\n")),
    }
    Ok(ExitStatus::Success)
}

fn statement_table(listed: &[ListedStatement<'_>]) -> String {
    let width = listed.iter().map(|statement| statement.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for ListedStatement { id, level, checks, reason } in listed {
        let by = match reason {
            _ if !checks.is_empty() => checks.join(", "),
            Some(reason) => format!("no check: {reason}"),
            None => "no check".to_owned(),
        };
        let _ = writeln!(text, "{id:<width$}  {level:<6}  {by}");
    }
    let covered = listed.iter().filter(|statement| !statement.checks.is_empty()).count();
    let _ = writeln!(text, "\n{}; checks cover {covered} of them", count(listed.len(), "statement"));
    text
}

fn table(checks: &[&Check]) -> String {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let _ = writeln!(text, "{:<width$}  {:<6}  {:<5}  {}", check.id, check.level, check.shape, check.title);
        if !check.needs.is_empty() {
            let _ = writeln!(text, "{:width$}  {:15}needs {}", "", "", needs(check).join(", "));
        }
    }
    let disturbing = checks.iter().filter(|check| check.disturbs()).count();
    let verb = if disturbing == 1 { "disturbs" } else { "disturb" };
    let _ = writeln!(text, "\n{}; {disturbing} of them {verb} a cluster", count(checks.len(), "check"));
    text
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    suite: &'a str,
    level: String,
    title: &'a str,
    needs: Vec<String>,
    shape: String,
    statements: &'a [String],
    source: String,
    spec: &'a str,
    servers: Vec<String>,
}

fn json(checks: &[&Check]) -> Result<String, Failure> {
    let listed: Vec<Listed<'_>> = checks
        .iter()
        .map(|check| Listed {
            id: &check.id,
            suite: check.suite(),
            level: check.level.to_string(),
            title: &check.title,
            needs: needs(check),
            shape: check.shape.to_string(),
            statements: &check.statements,
            source: check.source.to_string(),
            spec: &check.spec,
            servers: check.servers.iter().map(ToString::to_string).collect(),
        })
        .collect();
    let text = serde_json::to_string_pretty(&listed)?;
    Ok(text + "\n")
}
