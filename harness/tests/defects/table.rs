//! The matrix as a table.

use std::fmt::Write as _;
use std::io::Write as _;

use super::matrix::{Matrix, Row};

/// Says on stderr how many checks are told a lie, and how many of them need a cluster to themselves.
pub(crate) fn announce(pairs: usize, alone: usize) {
    // Whoever cannot be told still gets the table.
    let _told =
        writeln!(std::io::stderr(), "{pairs} pairs of a defect and a check that sees it, {alone} of them alone");
}

/// Checks that are named in a row before the rest is counted.
const NAMED: usize = 3;

/// A row a defect: how many checks could see it, how many failed, and which.
pub(crate) fn of(matrix: &Matrix) -> String {
    let width = matrix.rows.iter().map(|row| row.defect.name.len()).max().unwrap_or(0);
    let mut text = format!("\n{:<width$}  saw  failed  which ({})\n", "defect", matrix.server);
    let verbose = std::env::var_os("RCT_DEFECTS_VERBOSE").is_some();
    for row in &matrix.rows {
        let failing: Vec<&str> = row.failing().into_iter().collect();
        let which = if verbose { failing.join(" ") } else { shortened(&failing) };
        let (name, saw) = (row.defect.name, row.ended.len());
        // Writing to a string does not fail.
        let _written = writeln!(text, "{name:<width$}  {saw:>3}  {:>6}  {which}", failing.len());
        if verbose {
            details(&mut text, row);
        }
    }
    summary(&mut text, matrix);
    text
}

fn shortened(failing: &[&str]) -> String {
    let named = failing.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match failing.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

fn details(text: &mut String, row: &Row) {
    for (id, ended) in &row.ended {
        let (verdict, took, why) = (ended.verdict, ended.took.as_secs_f64(), ended.why.escape_debug());
        let _written = writeln!(text, "    {verdict:?} {took:.1} s {id}: {why}");
    }
}

fn summary(text: &mut String, matrix: &Matrix) {
    let judged = matrix.honestly.values().filter(|ended| ended.verdict == harness::record::Verdict::Pass);
    let ran: usize = matrix.rows.iter().map(|row| row.ended.len()).sum();
    let (survivors, unshown) = (matrix.survivors(), matrix.unshown());
    let _written = writeln!(
        text,
        "\n{}: {} defects, {} survive; {} checks held without one, {} of them failed with none; {ran} runs of a check \
         that saw a defect; {:.0} s to watch, {:.0} s to lie",
        matrix.server,
        matrix.rows.len(),
        survivors.len(),
        judged.count(),
        unshown.len(),
        matrix.took[0].as_secs_f64(),
        matrix.took[1].as_secs_f64(),
    );
    if std::env::var_os("RCT_DEFECTS_VERBOSE").is_some() {
        let _written = writeln!(text, "failed with no defect: {}", unshown.join(" "));
    }
}
