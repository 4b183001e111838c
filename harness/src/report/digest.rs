//! The parts that several reports share: the verdict of the run, its suites, its reasons, and a failure's evidence.
//!
//! Texts are as the record holds them; each format escapes them in its own way.

use std::collections::BTreeMap;

use crate::record::ExitStatus;
use crate::record::{CheckRecord, Counts, Ended, Level, Measured, Record, Verdict};
use crate::text::{count, milliseconds, shell_word};

/// The words before the options in the command that runs checks again.
const COMMAND: &str = "rct conform";
const STALE_NOTE: &str = "delete its entry in the list of known deviations";

/// The verdict of a whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// One word or two, in capitals: `PASS`, `FAIL`.
    pub word: &'static str,
    /// Why, in one sentence without a full stop.
    pub sentence: String,
    /// The verdict whose colour fits.
    pub tone: Verdict,
}

/// Checks that share a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason<'a> {
    /// The reason.
    pub text: &'a str,
    /// The ids of the checks, in order.
    pub ids: Vec<&'a str>,
}

/// Returns the verdict of the run.
pub fn headline(record: &Record) -> Headline {
    let reached = format!("{} of {} ended", record.checks.len(), count(record.planned(), "check"));
    let (word, tone, sentence) = match record.status() {
        _ if record.ended == Ended::Running => ("UNFINISHED", Verdict::Broken, reached),
        ExitStatus::Interrupted => ("INTERRUPTED", Verdict::Broken, joined([reached, broken_rules(record)])),
        ExitStatus::RuleBroken => ("FAIL", Verdict::Fail, broken_rules(record)),
        ExitStatus::NothingRan if record.planned() == 0 => {
            ("NOTHING RAN", Verdict::Broken, "no check was selected".to_owned())
        }
        ExitStatus::NothingRan => ("NOTHING RAN", Verdict::Broken, "every selected check was skipped".to_owned()),
        ExitStatus::Success => ("PASS", Verdict::Pass, as_expected(record)),
        ExitStatus::ClusterLost | ExitStatus::Usage => ("BROKEN", Verdict::Broken, not_judged(record)),
    };
    Headline { word, sentence, tone }
}

/// Returns whether a check did not end as expected, and fails neither the run nor the judgement.
pub fn is_tolerated(record: &Record, check: &CheckRecord) -> bool {
    !record.is_failing(check) && check.verdict != Verdict::Broken
}

/// Returns what ran where, how long, and how it ended, each a few words.
pub fn facts(record: &Record) -> Vec<String> {
    let mut facts = vec![servers(record), target(record)];
    facts.push(format!("{} in {}", count(record.checks.len(), "check"), seconds(record.duration_s)));
    facts.extend(record.checks_as_of.as_ref().map(|as_of| {
        let newer = count(as_of.left_out, "newer check");
        format!("checks as of rct {}, without {newer}", as_of.version)
    }));
    facts.push(format!("seed {}", record.seed));
    facts.extend(record.exit_status.map(|status| format!("exit status {status}")));
    facts.retain(|fact| !fact.is_empty());
    facts
}

/// Returns the products and versions under test: `redis 7.0.15`.
pub fn servers(record: &Record) -> String {
    let names = record.target.servers.iter().map(|server| format!("{} {}", server.product, server.version));
    names.collect::<Vec<_>>().join(" and ")
}

/// Returns the target and its shape: `local 3+1`.
pub fn target(record: &Record) -> String {
    let shape = record.target.shape.iter().map(String::as_str);
    std::iter::once(record.target.kind.as_str()).chain(shape).collect::<Vec<_>>().join(" ")
}

/// Returns the target and its shape in words: `local, 3 primaries with 1 replica each`.
pub fn target_in_words(record: &Record) -> String {
    let shape = record.target.shape.as_deref().map(|shape| shape_in_words(shape).unwrap_or_else(|| shape.to_owned()));
    std::iter::once(record.target.kind.clone()).chain(shape).collect::<Vec<_>>().join(", ")
}

/// Returns a shape such as `3+1` in words; `None` if it is not of that form.
pub fn shape_in_words(shape: &str) -> Option<String> {
    let (primaries, replicas) = shape.split_once('+')?;
    let primaries = match primaries.parse::<usize>().ok()? {
        1 => "1 primary".to_owned(),
        number => format!("{number} primaries"),
    };
    Some(match replicas.parse::<usize>().ok()? {
        0 => format!("{primaries} without replicas"),
        number => format!("{primaries} with {} each", count(number, "replica")),
    })
}

/// Returns the verdicts that a table of this run needs: pass, fail, and what else there is.
pub fn columns(record: &Record) -> Vec<Verdict> {
    let always = [Verdict::Pass, Verdict::Fail];
    Verdict::ALL.into_iter().filter(|verdict| always.contains(verdict) || record.counts.with(*verdict) > 0).collect()
}

/// Returns each suite with its counts, by name, and the total as the last row.
pub fn suite_rows(record: &Record) -> Vec<(&str, Counts)> {
    let suites = record.suites().into_iter().map(|(suite, checks)| {
        let mut counts = Counts::default();
        checks.iter().for_each(|check| counts.add(check.verdict));
        (suite, counts)
    });
    suites.chain(std::iter::once(("total", record.counts))).collect()
}

/// Returns the reasons of the checks with a verdict, the most frequent first.
pub fn reasons(record: &Record, verdict: Verdict) -> Vec<Reason<'_>> {
    let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in record.with_verdict(verdict) {
        by_text.entry(check.reason.as_deref().unwrap_or("no reason given")).or_default().push(&check.id);
    }
    let mut reasons: Vec<_> = by_text.into_iter().map(|(text, ids)| Reason { text, ids }).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.ids.len()));
    reasons
}

/// Returns the checks that a reader must see: failed, stale, broken, flaky. Those that fail the run come first.
pub fn notable(record: &Record) -> Vec<&CheckRecord> {
    let shown = |check: &&CheckRecord| !matches!(check.verdict, Verdict::Pass | Verdict::Skip | Verdict::Known);
    let mut checks: Vec<_> = record.checks.iter().filter(shown).collect();
    checks.sort_by_key(|check| (is_tolerated(record, check), check.verdict, std::cmp::Reverse(check.level)));
    checks
}

/// Returns where a check is written and which step ended it: `suites/checks/redirect.toml:12, step 2 of 2`.
pub fn place(check: &CheckRecord) -> Option<String> {
    let source = check.source.as_ref().map(|source| format!("{}:{}", source.file, source.line));
    let step = check.failure.iter().find_map(|failure| failure.step.as_ref()).map(|step| format!("step {step}"));
    let parts: Vec<_> = source.into_iter().chain(step).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns the command that runs some checks of the run again.
pub fn again<'a>(record: &Record, checks: impl IntoIterator<Item = &'a CheckRecord>) -> String {
    let runs: String = checks.into_iter().map(|check| format!(" --run {}", shell_word(&check.id))).collect();
    let (command, options) = match record.again.strip_prefix(COMMAND) {
        Some(options) => (COMMAND, options),
        None => (record.again.as_str(), ""),
    };
    format!("{command}{runs}{options}")
}

/// Returns what a check saw, each with its label: sent, expected, received, note, reason, measured.
pub fn evidence(check: &CheckRecord) -> Vec<(&'static str, String)> {
    let mut evidence = Vec::new();
    if let Some(failure) = &check.failure {
        evidence.extend(match (&failure.sent, &failure.to) {
            (Some(command), Some(node)) => Some(("sent", format!("{command}  to {node}"))),
            (Some(command), None) => Some(("sent", command.clone())),
            (None, node) => node.clone().map(|node| ("node", node)),
        });
        evidence.push(("expected", failure.expected.clone()));
        evidence.push(("received", failure.received.clone()));
        evidence.extend(failure.note.clone().map(|note| ("note", note)));
    }
    evidence.extend((check.verdict == Verdict::Stale).then(|| ("note", STALE_NOTE.to_owned())));
    evidence.extend(check.reason.clone().map(|reason| ("reason", reason)));
    evidence.extend(measured_in_brief(check).map(|measured| ("measured", measured)));
    evidence
}

/// Returns what a check measured, in one line and exactly: `failover 2310.25 ms, lost writes 0`.
pub fn measured(check: &CheckRecord) -> Option<String> {
    measured_as(check, |measured| format!("{} {}", number(measured.value), measured.unit))
}

/// Returns what a check measured, in one line for people: `failover 2.31 s, lost writes 0`.
pub fn measured_in_brief(check: &CheckRecord) -> Option<String> {
    measured_as(check, |measured| match &*measured.unit {
        "ms" => milliseconds(measured.value),
        unit => format!("{} {unit}", number(measured.value)),
    })
}

fn measured_as(check: &CheckRecord, value: impl Fn(&Measured) -> String) -> Option<String> {
    let values = check.measured.iter().map(|it| format!("{} {}", it.name, value(it)).trim_end().to_owned());
    (!check.measured.is_empty()).then(|| values.collect::<Vec<_>>().join(", "))
}

/// Returns why a check ended as it did, in one line; empty if the verdict needs no reason.
pub fn brief_reason(check: &CheckRecord) -> &str {
    let reason = check.reason.as_deref().and_then(|reason| reason.lines().next());
    match check.verdict {
        Verdict::Stale => reason.unwrap_or("listed as failing, but passes"),
        _ => reason.unwrap_or_default(),
    }
}

/// Returns how many failures below the run's level do not count, as a sentence, if there are any.
pub fn tolerated(record: &Record) -> Option<String> {
    let failures = record.with_verdict(Verdict::Fail).filter(|check| !record.is_failing(check)).count();
    let level = record.level.name();
    (failures > 0).then(|| format!("{} below level {level} not counted", count(failures, "failure")))
}

/// Returns a number without needless digits.
pub fn number(value: f64) -> String {
    let rounded = format!("{value:.3}");
    let short = rounded.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Returns a duration for people: `0.4 s`, `75.0 s`.
pub fn seconds(duration_s: f64) -> String {
    format!("{duration_s:.1} s")
}

fn broken_rules(record: &Record) -> String {
    let failed = record.with_verdict(Verdict::Fail).filter(|check| record.is_failing(check)).count();
    let rule = match record.level {
        Level::Must => "a must rule".to_owned(),
        level => format!("a rule of level {} or above", level.name()),
    };
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("{failed} of {} broke {rule}", count(record.checks.len(), "check")));
    }
    if record.counts.stale > 0 {
        parts.push(format!("{} of the list of known deviations passed", count(record.counts.stale, "check")));
    }
    parts.extend(record.problem.clone());
    joined(parts)
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn as_expected(record: &Record) -> String {
    let judged = record.counts.judged();
    let sentence = match (judged, record.counts.skip) {
        (1, 0) => "the one check ended as expected".to_owned(),
        (judged, 0) => format!("all {judged} checks ended as expected"),
        (judged, skipped) => format!("{} ended as expected, {skipped} skipped", count(judged, "check")),
    };
    joined(std::iter::once(sentence).chain(tolerated(record)))
}

fn not_judged(record: &Record) -> String {
    let mut parts: Vec<String> = record.problem.iter().cloned().collect();
    if record.counts.broken > 0 {
        parts.push(format!("{} could not be judged", count(record.counts.broken, "check")));
    }
    if !record.not_run.is_empty() {
        parts.push(format!("{} not reached", count(record.not_run.len(), "check")));
    }
    joined(parts)
}
