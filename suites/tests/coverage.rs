//! Every rule of the suites that are complete is covered by a check, and no check covers a rule that nobody wrote down.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use suites::Catalogue;

/// The suites of which every `must` and `should` statement is covered.
const COMPLETE: [&str; 11] = [
    "slots",
    "keyslot",
    "topology",
    "consistency",
    "moved",
    "crossslot",
    "readonly",
    "transactions",
    "errors",
    "failover",
    "replication",
];

fn statements() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("../statements.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').unwrap()).collect()
}

#[test]
fn every_statement_of_a_complete_suite_is_covered() {
    let catalogue = Catalogue::built_in().unwrap();
    let covered = suites::catalogue::coverage(catalogue.checks());
    let uncovered: Vec<_> = statements()
        .into_iter()
        .filter(|(id, level)| COMPLETE.contains(&id.split('.').next().unwrap()) && *level != "may")
        .filter(|(id, _)| !covered.contains_key(id))
        .collect();
    assert!(uncovered.is_empty(), "{} statements without a check: {uncovered:?}", uncovered.len());
}

#[test]
fn every_covered_statement_is_written_down() {
    let catalogue = Catalogue::built_in().unwrap();
    let known = statements();
    for check in catalogue.checks() {
        for statement in &check.statements {
            assert!(known.contains_key(statement.as_str()), "{}: no statement {statement}", check.id);
        }
    }
}
