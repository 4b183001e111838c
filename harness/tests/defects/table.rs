//! Prints what a run on one server has shown.

use std::fmt::Write as _;

use super::server_run::{Row, ServerRun};

/// Says on stderr how many pairs of a check and a defect will run, how many of them need a cluster of their own, and how
/// many others of that kind will not run.
#[expect(clippy::print_stderr, reason = "a run takes minutes, and its table comes last")]
pub(crate) fn announce(pairs: usize, alone: usize, left_out: usize) {
    eprintln!("{pairs} pairs of a check and a defect run; {alone} of them need a cluster of their own");
    if left_out > 0 {
        eprintln!("{left_out} more pairs that need one are left out, because the check need not catch the defect");
    }
}

/// The failing checks that a row names; it counts the others.
const NAMED: usize = 3;

/// One row per defect that affects a check: how many it affects, how many of them fail, and which.
pub(crate) fn of(run: &ServerRun) -> String {
    // With a selection of checks, most defects affect none of them.
    let shown = || run.rows.iter().filter(|row| run.has_all_checks || !row.ended.is_empty());
    let width = shown().map(|row| row.defect.name.len()).max().unwrap_or(0);
    let mut text = format!("\n{:<width$}  affected  failed  which ({})\n", "defect", run.server);
    let verbose = std::env::var_os("RCT_DEFECTS_VERBOSE").is_some();
    for row in shown() {
        let failing: Vec<&str> = row.failing().into_iter().collect();
        let which = if verbose { failing.join(" ") } else { shortened(&failing) };
        let (name, affected) = (row.defect.name, row.ended.len());
        // Writing to a string does not fail.
        let _written = writeln!(text, "{name:<width$}  {affected:>8}  {:>6}  {which}", failing.len());
        if verbose {
            details(&mut text, row);
        }
    }
    summary(&mut text, run);
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

fn summary(text: &mut String, run: &ServerRun) {
    let judged = run.without_defect.values().filter(|ended| ended.verdict == harness::record::Verdict::Pass);
    let runs: usize = run.rows.iter().map(|row| row.ended.len()).sum();
    let (survivors, never) = (run.survivors(), run.never_failing());
    let _written = writeln!(
        text,
        "\n{}: {} defects, {} survive; {} checks pass without a defect, {} of them fail under none; {runs} runs of a \
         check with a defect that affects it; {:.0} s without defects, {:.0} s with them",
        run.server,
        run.rows.len(),
        survivors.len(),
        judged.count(),
        never.len(),
        run.took[0].as_secs_f64(),
        run.took[1].as_secs_f64(),
    );
    if std::env::var_os("RCT_DEFECTS_VERBOSE").is_some() {
        let _written = writeln!(text, "fail under no defect: {}", never.join(" "));
    }
}
