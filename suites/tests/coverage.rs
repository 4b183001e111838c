//! Every rule of the suites that are complete is covered by a check, and no check covers a rule that nobody wrote down.

use std::collections::BTreeSet;

use suites::statements::{Statement, statements};
use suites::{Catalogue, Level};

/// The groups of which every statement is covered, or `statements.tsv` says why not.
const EXPLAINED: [&str; 22] = [
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
    "endpoints",
    "resp3",
    "introspection",
    "tracking",
    "keyspace",
    "clusterscan",
    "slot-stats",
    "multi-db",
    "security",
    "load",
];

/// The suites of which every `must` and `should` statement is covered.
const COMPLETE: [&str; 9] =
    ["slots", "keyslot", "topology", "consistency", "moved", "crossslot", "readonly", "transactions", "errors"];

#[test]
fn every_statement_of_a_complete_suite_is_covered() {
    let catalogue = Catalogue::built_in().unwrap();
    let covered = suites::catalogue::coverage(catalogue.checks());
    let mut uncovered = Vec::new();
    for Statement { id, level, reason } in statements() {
        let group = id.split('.').next().unwrap();
        let must_be = COMPLETE.contains(&group) && level != Level::May || EXPLAINED.contains(&group);
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
    let known: BTreeSet<&str> = statements().into_iter().map(|statement| statement.id).collect();
    for check in catalogue.checks() {
        for statement in &check.statements {
            assert!(known.contains(statement.as_str()), "{}: no statement {statement}", check.id);
        }
    }
}
