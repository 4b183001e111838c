//! The report of what the workers of a verified run counted.

use std::collections::BTreeMap;

use super::reads::{BadReadNote, Sums};
use super::report::{BadRead, ReadReport, VerifyReport};

/// Makes the report of the sums of all workers. `at_s` turns a time of the ledger into seconds of the run.
pub(super) fn report(
    spaces: Vec<String>,
    not_verified: BTreeMap<String, String>,
    in_doubt: u64,
    sums: &Sums,
    at_s: impl Fn(u32) -> f64,
) -> VerifyReport {
    let (primaries, replicas) = (reads(sums.primaries.values()), reads(sums.replicas.values()));
    let flawed = |reads: &ReadReport| reads.wrong_key + reads.corrupt + reads.never_sent;
    let example = |note: &BadReadNote| BadRead {
        at_s: (at_s(note.at) * 1e3).round() / 1e3,
        key: note.key.clone(),
        node: note.node.clone(),
        what: note.what.to_owned(),
        expected: note.expected,
        found: note.found,
    };
    VerifyReport {
        spaces,
        not_verified,
        acknowledged: sums.acknowledged,
        in_doubt,
        lost: None,
        stale: primaries.stale + primaries.missing,
        corrupt: flawed(&primaries) + flawed(&replicas),
        primaries,
        replicas,
        examples: sums.examples.iter().map(example).collect(),
        read_back: None,
    }
}

/// The reads of all nodes together.
fn reads<'a>(nodes: impl Iterator<Item = &'a ReadReport>) -> ReadReport {
    let mut sum = ReadReport::default();
    nodes.for_each(|reads| sum.add(reads));
    sum.describe_ages();
    sum
}
