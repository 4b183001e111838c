//! `rct explain`: describes a check, and runs nothing.

use std::fmt::Write as _;

use suites::{Body, Check};

use super::args::Explain;
use super::catalogue::{catalogue, needs};
use super::failure::Failure;
use super::out;
use crate::record::ExitStatus;
use crate::runner::pattern::hint;
use crate::text::wrap_columns;

/// The width of wrapped text, in columns.
const WIDTH: usize = 100;

/// Prints everything that rct knows about a check.
pub(super) fn run(arguments: &Explain) -> Result<ExitStatus, Failure> {
    let catalogue = catalogue(&arguments.suite)?;
    let Some(check) = catalogue.find(&arguments.check) else {
        let hint = hint(&arguments.check, catalogue.checks().iter().map(|check| check.id.as_str()));
        let typed = arguments.check.clone();
        return Err(Failure::UnknownCheck { typed, hint });
    };
    out::text(&explanation(check));
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
    row("since", format!("rct {}", check.since));
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
