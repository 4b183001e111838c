//! `junit.xml`: the run as CI systems read it.
//!
//! JUnit knows four outcomes. A rule that the server broke is a failure, and so is a stale entry, since both fail the
//! run; BROKEN is an error, which CI systems show apart; SKIP and KNOWN are skipped, with their reason; FLAKY is a success
//! with a flaky failure. A check's name is its whole id, so that a reader can paste it after `--run`.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::digest;
use crate::record::ReportError;
use crate::record::{CheckRecord, Record, Verdict};
use crate::text::{printable, printable_lines};

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
        for (name, value) in properties(record) {
            suite.add_property(Property::new(name, &*printable(&value)));
        }
        suite.add_test_cases(checks.iter().map(|check| case(name, check)));
        report.add_test_suite(suite);
    }
    if let Some(suite) = unfinished(record) {
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn case(suite: &str, check: &CheckRecord) -> TestCase {
    let mut case = TestCase::new(&*printable(&check.id), status(check));
    case.set_classname(&*printable(suite)).set_time(duration(check));
    case.add_property(("level", check.level.name()));
    case.add_property(("verdict", check.verdict.name()));
    let place = digest::place(check).map(|place| ("source", place));
    let measured = digest::measured(check).map(|measured| ("measured", measured));
    for (name, value) in place.into_iter().chain(measured) {
        case.add_property(Property::new(name, &*printable(&value)));
    }
    case
}

fn status(check: &CheckRecord) -> TestCaseStatus {
    let reason = check.reason.as_deref().unwrap_or("no reason given");
    match check.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => not_success(NonSuccessKind::Failure, check, &check.title),
        Verdict::Stale => not_success(NonSuccessKind::Failure, check, digest::brief_reason(check)),
        Verdict::Broken => not_success(NonSuccessKind::Error, check, reason),
        Verdict::Skip => skipped(reason),
        Verdict::Known => skipped(&format!("known: {reason}")),
        Verdict::Flaky => flaky(check),
    }
}

fn not_success(kind: NonSuccessKind, check: &CheckRecord, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let first = message.lines().next().unwrap_or_default();
    status.set_type(check.level.name()).set_message(&*printable(first)).set_description(description(check));
    status
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(&*printable(reason));
    status
}

fn flaky(check: &CheckRecord) -> TestCaseStatus {
    let mut run = TestRerun::new(NonSuccessKind::Failure);
    run.set_type(check.level.name()).set_message(&*printable(&check.title)).set_description(description(check));
    let mut status = TestCaseStatus::success();
    status.add_rerun(run);
    status
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
    suite.add_test_case(TestCase::new("run/complete", status));
    Some(suite)
}

fn properties(record: &Record) -> Vec<(&'static str, String)> {
    vec![
        ("servers", digest::servers(record)),
        ("target", digest::target(record)),
        ("seed", record.seed.to_string()),
        ("started", record.started.to_string()),
    ]
}

fn duration(check: &CheckRecord) -> Duration {
    Duration::try_from_secs_f64(check.duration_ms / 1000.0).unwrap_or_default()
}
