//! `junit.xml`: the run as CI systems read it.
//!
//! JUnit knows four outcomes. What fails the run is a failure: a rule at or above the run's level that the server broke,
//! and a stale entry. BROKEN is an error, which CI systems show apart. Everything else that did not pass is skipped, with
//! the reason or with what was received. A check's name is its whole id, so that a reader can paste it after `--run`.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::digest;
use super::xml;
use crate::record::ReportError;
use crate::record::{CheckRecord, Record, Verdict};
use crate::text::{clip_bytes, printable, printable_lines};

/// The most bytes of the message of one outcome; the text below it has everything.
const MESSAGE_LIMIT_BYTES: usize = 400;

/// The most lines of one check's description.
const LINES_LIMIT: usize = 200;

/// Returns the content of `junit.xml`.
///
/// # Errors
///
/// When the XML writer refuses a text; every text is made free of what XML cannot carry before.
pub fn render(record: &Record) -> Result<String, ReportError> {
    let mut report = Report::new("rct");
    report.set_time(Duration::try_from_secs_f64(record.duration_s).unwrap_or_default());
    for (name, checks) in record.suites() {
        let mut suite = TestSuite::new(&*printable(name));
        suite.set_time(checks.iter().map(|check| duration(check)).sum());
        xml::say_when_and_where(&mut suite, record.started, record.host.as_ref());
        for (name, value) in properties(record) {
            suite.add_property(Property::new(name, &*printable(&value)));
        }
        suite.add_test_cases(checks.iter().map(|check| case(record, name, check)));
        report.add_test_suite(suite);
    }
    if let Some(suite) = unfinished(record) {
        report.add_test_suite(suite);
    }
    xml::text(&report)
}

fn case(record: &Record, suite: &str, check: &CheckRecord) -> TestCase {
    let mut case = TestCase::new(&*printable(&check.id), status(record, check));
    case.set_classname(&*printable(suite)).set_time(duration(check));
    if let Some(measured) = digest::measured(check) {
        case.set_system_out(&*printable(&format!("measured {measured}")));
    }
    case
}

fn status(record: &Record, check: &CheckRecord) -> TestCaseStatus {
    let reason = check.reason.as_deref().unwrap_or("no reason given");
    match check.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Broken => not_success(NonSuccessKind::Error, check, reason),
        Verdict::Stale => not_success(NonSuccessKind::Failure, check, digest::brief_reason(check)),
        Verdict::Fail if record.is_failing(check) => not_success(NonSuccessKind::Failure, check, &received(check)),
        Verdict::Fail => skipped(&format!("failed below level {}: {}", record.level.name(), received(check))),
        Verdict::Skip => skipped(reason),
        Verdict::Known => skipped(&format!("known: {reason}: {}", received(check))),
        Verdict::Flaky => skipped(&format!("flaky: {reason}: {}", received(check))),
    }
}

/// Returns what the check received, and what the rule asks for.
fn received(check: &CheckRecord) -> String {
    check
        .failure
        .as_ref()
        .map_or(String::new(), |failure| format!("received {}, expected {}", failure.received, failure.expected))
}

fn not_success(kind: NonSuccessKind, check: &CheckRecord, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(check.level.name()).set_message(brief(message)).set_description(description(check));
    status
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(brief(reason));
    status
}

fn brief(message: &str) -> String {
    printable(&clip_bytes(message.trim_end_matches([':', ' ']), MESSAGE_LIMIT_BYTES)).into_owned()
}

/// Returns the evidence, a labelled line each.
fn description(check: &CheckRecord) -> String {
    let mut lines = vec![printable(&check.title).into_owned()];
    lines.extend(digest::place(check).map(|place| printable(&place).into_owned()));
    for (label, text) in digest::evidence(check) {
        for (place, line) in printable_lines(&text, LINES_LIMIT).iter().enumerate() {
            let label = if place == 0 { label } else { "" };
            lines.push(format!("{label:<8}  {line}"));
        }
    }
    lines.extend(check.transcript.as_ref().map(|path| format!("{:<8}  {}", "evidence", printable(path))));
    lines.join("\n")
}

/// Returns a suite with one error if the run did not come to its end, so that no CI system takes it for complete.
fn unfinished(record: &Record) -> Option<TestSuite> {
    if record.not_run.is_empty() && record.problem.is_none() {
        return None;
    }
    let headline = digest::headline(record);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type(headline.word).set_message(&*printable(&headline.sentence));
    let mut suite = TestSuite::new("run");
    xml::say_when_and_where(&mut suite, record.started, record.host.as_ref());
    suite.add_test_case(TestCase::new("run/complete", status));
    Some(suite)
}

fn properties(record: &Record) -> Vec<(&'static str, String)> {
    vec![
        ("servers", digest::servers(record)),
        ("target", digest::target(record)),
        ("seed", record.seed.to_string()),
        ("level", record.level.name().to_owned()),
    ]
}

fn duration(check: &CheckRecord) -> Duration {
    Duration::try_from_secs_f64(check.duration_ms / 1000.0).unwrap_or_default()
}
