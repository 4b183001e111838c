//! Every rule of the suites that are complete is covered by a check, and no check covers a rule that nobody wrote down.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use suites::Catalogue;

/// The groups of which every statement is covered, or `statements.tsv` says why not.
const EXPLAINED: [&str; 12] = [
    "ask",
    "reshard",
    "asm-valkey",
    "asm-redis",
    "failover",
    "replication",
    "raft",
    "scripting",
    "pubsub",
    "sharded-pubsub",
    "slot-admin",
    "down",
];

/// The suites of which every `must` and `should` statement is covered.
const COMPLETE: [&str; 9] =
    ["slots", "keyslot", "topology", "consistency", "moved", "crossslot", "readonly", "transactions", "errors"];

/// A row of `statements.tsv`.
struct Statement {
    level: &'static str,
    /// Why no check covers it.
    reason: Option<&'static str>,
}

fn statements() -> BTreeMap<&'static str, Statement> {
    let lines = include_str!("../statements.tsv").lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let mut fields = line.split('\t');
        let (id, level) = (fields.next().unwrap(), fields.next().unwrap());
        assert!(matches!(level, "must" | "should" | "may"), "{line}");
        (id, Statement { level, reason: fields.next() })
    });
    rows.collect()
}

#[test]
fn every_statement_of_a_complete_suite_is_covered() {
    let catalogue = Catalogue::built_in().unwrap();
    let covered = suites::catalogue::coverage(catalogue.checks());
    let mut uncovered = Vec::new();
    for (id, Statement { level, reason }) in statements() {
        let group = id.split('.').next().unwrap();
        let must_be = COMPLETE.contains(&group) && level != "may" || EXPLAINED.contains(&group);
        if must_be && reason.is_none() && !covered.contains_key(id) {
            uncovered.push(id);
        }
        assert!(reason.is_none() || !covered.contains_key(id), "{id} is covered, so it needs no reason");
    }
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
