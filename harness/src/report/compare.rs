//! `rct compare`: what differs between two runs, check by check.

use std::collections::BTreeMap;
use std::fmt;

use super::digest;
use crate::record::{CheckRecord, Record, Verdict};
use crate::text::{count, pad, printable, push};

/// The most checks that one list shows.
const LIST_LIMIT: usize = 200;

const ID_COLUMNS: usize = 48;

/// What differs between an older and a newer run.
#[derive(Debug)]
pub struct Comparison<'a> {
    older: &'a Record,
    newer: &'a Record,
    /// Checks that both runs have, with another verdict in each.
    pub changed: Vec<Change<'a>>,
    /// Checks that only the newer run has.
    pub appeared: Vec<&'a CheckRecord>,
    /// Checks that only the older run has.
    pub vanished: Vec<&'a CheckRecord>,
    /// How many checks have the same verdict in both.
    pub same: usize,
}

/// A check whose verdict changed.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The check in the older run.
    pub older: &'a CheckRecord,
    /// The check in the newer run.
    pub newer: &'a CheckRecord,
}

/// Returns what differs between two runs, for people.
pub fn compare(older: &Record, newer: &Record) -> String {
    Comparison::of(older, newer).to_string()
}

impl<'a> Comparison<'a> {
    /// Compares two runs by the ids of their checks.
    pub fn of(older: &'a Record, newer: &'a Record) -> Self {
        let mut before: BTreeMap<&str, &CheckRecord> = older.checks.iter().map(|check| (&*check.id, check)).collect();
        let (mut changed, mut appeared, mut same) = (Vec::new(), Vec::new(), 0);
        for check in &newer.checks {
            match before.remove(&*check.id) {
                None => appeared.push(check),
                Some(old) if old.verdict == check.verdict => same += 1,
                Some(old) => changed.push(Change { older: old, newer: check }),
            }
        }
        changed.sort_by_key(|change| (!change.is_worse(), change.newer.verdict));
        Self { older, newer, changed, appeared, vanished: before.into_values().collect(), same }
    }

    /// Returns whether any check changed its verdict, appeared or vanished.
    pub fn is_different(&self) -> bool {
        !(self.changed.is_empty() && self.appeared.is_empty() && self.vanished.is_empty())
    }

    /// Returns whether any check's verdict is worse in the newer run.
    pub fn is_worse(&self) -> bool {
        self.worse().next().is_some()
    }

    /// Returns the checks whose verdict says less for the server than before; a rule that is no longer judged counts.
    pub fn worse(&self) -> impl Iterator<Item = &Change<'a>> {
        self.changed.iter().filter(|change| change.is_worse())
    }
}

impl Change<'_> {
    /// Returns whether the newer verdict is worse than the older.
    pub fn is_worse(&self) -> bool {
        rank(self.newer.verdict) > rank(self.older.verdict)
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "older  {}", run(self.older))?;
        writeln!(out, "newer  {}", run(self.newer))?;
        let (worse, other): (Vec<_>, Vec<_>) = self.changed.iter().partition(|change| change.is_worse());
        list(out, "worse", worse.into_iter().map(changed))?;
        list(out, "better or otherwise changed", other.into_iter().map(changed))?;
        list(out, "appeared", self.appeared.iter().map(|check| alone(check)))?;
        list(out, "vanished", self.vanished.iter().map(|check| alone(check)))?;
        let counts = [
            format!("{} with the same verdict", count(self.same, "check")),
            format!("{} changed ({} for the worse)", self.changed.len(), self.worse().count()),
            format!("{} appeared", self.appeared.len()),
            format!("{} vanished", self.vanished.len()),
        ];
        writeln!(out, "\n{}", counts.join(", "))
    }
}

/// Orders verdicts from the best for the server to the worst; a list that is out of date says nothing against it.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Stale => 1,
        Verdict::Known => 2,
        Verdict::Skip => 3,
        Verdict::Flaky => 4,
        Verdict::Broken => 5,
        Verdict::Fail => 6,
    }
}

fn run(record: &Record) -> String {
    let headline = digest::headline(record);
    let started = record.started.to_string();
    let parts = [started, digest::servers(record), digest::target(record), headline.word.to_owned()];
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(|part| printable(part)).collect();
    parts.join("  ")
}

fn list(out: &mut fmt::Formatter<'_>, title: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for line in lines.by_ref().take(LIST_LIMIT) {
        writeln!(out, "  {line}")?;
    }
    match lines.count() {
        0 => Ok(()),
        rest => writeln!(out, "  ... and {rest} more"),
    }
}

fn changed(change: &Change<'_>) -> String {
    let mut line = format!("{:<6} -> {:<6}  ", change.older.verdict.word(), change.newer.verdict.word());
    about(&mut line, change.newer);
    line
}

fn alone(check: &CheckRecord) -> String {
    let mut line = format!("{:<6}  ", check.verdict.word());
    about(&mut line, check);
    line
}

fn about(line: &mut String, check: &CheckRecord) {
    let reason = digest::brief_reason(check);
    push(
        line,
        format_args!("{} {:<6} {}", pad(&printable(&check.id), ID_COLUMNS), check.level.name(), printable(reason)),
    );
    line.truncate(line.trim_end().len());
}
