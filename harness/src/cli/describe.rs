//! `rct list`, `rct explain` and `rct completions`: describe what there is, and run nothing.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::CommandFactory;
use serde::Serialize;
use suites::{Body, Catalogue, Check};

use super::args::{Arguments, Completions, Explain, Format, List};
use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;
use crate::runner::pattern::Pattern;
use crate::text::wrap_columns;

/// The width of wrapped text, in columns.
const WIDTH: usize = 100;

/// The built-in checks and those of the user's files.
pub(super) fn catalogue(files: &[PathBuf]) -> Result<Catalogue, Failure> {
    let mut catalogue = Catalogue::built_in()?;
    for file in files {
        catalogue.add_path(file)?;
    }
    Ok(catalogue)
}

/// `rct list`
pub(super) fn list(arguments: &List) -> Result<ExitStatus, Failure> {
    if arguments.defects {
        return list_defects(arguments);
    }
    let catalogue = catalogue(&arguments.suite)?;
    let patterns: Vec<Pattern> = arguments.pattern.iter().map(Pattern::new).collect();
    let fits = |check: &&Check| patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(&check.id));
    let checks: Vec<&Check> = catalogue.checks().iter().filter(fits).collect();
    if checks.is_empty() {
        let typed = arguments.pattern.join(" ");
        return Err(Failure::NothingFits { kind: "check", typed, list: "rct list" });
    }
    match arguments.format {
        Format::Human => out::data(&table(&checks)),
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
        return Err(Failure::NothingFits { kind: "defect", typed, list: "rct list --defects" });
    }
    let text = match arguments.format {
        Format::Json => serde_json::to_string_pretty(&listed)? + "\n",
        Format::Human => {
            let width = listed.iter().map(|defect| defect.name.len()).max().unwrap_or(0);
            let rows = listed.iter().map(|defect| format!("{:<width$}  {}\n", defect.name, defect.sentence));
            rows.chain([format!("\n{} defects; rct conform --defect NAME shows what one looks like\n", listed.len())])
                .collect()
        }
    };
    out::data(&text);
    Ok(ExitStatus::Success)
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
    let _ = writeln!(text, "\n{} checks, {disturbing} of which disturb a cluster", checks.len());
    text
}

fn needs(check: &Check) -> Vec<String> {
    check.needs.iter().map(ToString::to_string).collect()
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

/// `rct explain`
pub(super) fn explain(arguments: &Explain) -> Result<ExitStatus, Failure> {
    let catalogue = catalogue(&arguments.suite)?;
    let Some(check) = catalogue.find(&arguments.check) else {
        let nearest = Pattern::new(&arguments.check).nearest(catalogue.checks());
        let hint = nearest.map_or(String::new(), |id| format!(" (did you mean {id}?)"));
        let typed = arguments.check.clone();
        return Err(Failure::UnknownCheck { typed, hint });
    };
    out::data(&explanation(check));
    Ok(ExitStatus::Success)
}

fn explanation(check: &Check) -> String {
    let mut text = format!("{}\n", check.id);
    for line in wrap_columns(&check.title, WIDTH - 2, 8) {
        let _ = writeln!(text, "  {line}");
    }
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<11} {value}");
        }
    };
    let meaning = match check.level {
        suites::Level::Must => "must: a client or an operator breaks without it",
        suites::Level::Should => "should: documented or uniform, but a client can live without it",
        suites::Level::May => "may: an optional feature",
    };
    row("level", meaning.to_owned());
    row("spec", check.spec.clone());
    row("statements", check.statements.join(", "));
    row("shape", format!("{} at least", check.shape));
    row("needs", needs(check).join(", "));
    row("holds on", check.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    row("runs", if check.disturbs() { "alone on a cluster" } else { "beside others" }.to_owned());
    row("written", check.source.to_string());
    if let Body::Data(body) = &check.body {
        text.push_str("  steps\n");
        for (index, step) in body.steps.iter().enumerate() {
            let _ = writeln!(text, "    {}. {step}", index + 1);
        }
    }
    let _ = writeln!(text, "  run it      rct conform --run {}", check.id);
    text
}

/// `rct completions`
pub(super) fn completions(arguments: &Completions) -> Result<ExitStatus, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "rct", &mut script);
    out::data(&String::from_utf8_lossy(&script));
    Ok(ExitStatus::Success)
}
