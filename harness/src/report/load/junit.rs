//! `junit.xml` of a load run, as CI systems read it.
//!
//! The case `load/ended` passes if the run went to its end with good replies, and `load/valid` if the generator was on
//! time, so that the numbers describe the servers. Each gate is a further case. The properties have what rct measured,
//! and the suite's output has the table.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::gates::sentence;
use super::rows::{HEADS, cells, ending, facts, grouped, problems, rows, sums, unanswered};
use super::table::table;
use super::verify;
use crate::record::Ended;
use crate::record::LoadRecord;
use crate::record::ReportError;
use crate::record::{GateRecord, GateVerdict};
use crate::report::terminal::COLUMNS_WITHOUT_TERMINAL;
use crate::report::xml;
use crate::text::{printable, printable_lines};

/// The most lines of the table.
const LINES_LIMIT: usize = 500;

/// Returns the content of `junit.xml`.
///
/// # Errors
///
/// When the XML writer refuses a text; every text is made free of what XML cannot carry before.
pub fn render(record: &LoadRecord) -> Result<String, ReportError> {
    let duration = Duration::try_from_secs_f64(record.duration_s).unwrap_or_default();
    let mut suite = TestSuite::new("load");
    suite.set_time(duration);
    xml::say_when_and_where(&mut suite, record.started, record.host.as_ref());
    suite.add_property(Property::new("run", facts(record).join(", ")));
    if let Some(report) = &record.load {
        for (name, value) in sums(report).into_iter().chain(verify::sums(report)) {
            suite.add_property(Property::new(name, value));
        }
        for (name, count) in problems(report) {
            suite.add_property(Property::new(name, grouped(count)));
        }
        if report.failed > 0 {
            suite.add_property(Property::new("operations without an answer", unanswered(report)));
        }
        for (name, times) in rows(report) {
            let cells = HEADS.iter().zip(cells(&times)).map(|(head, cell)| format!("{head} {cell}"));
            suite.add_property(Property::new(name, cells.collect::<Vec<_>>().join(", ")));
        }
    }
    let is_complete = record.ended == Ended::Complete;
    let (_, why) = ending(record);
    let mut ended = TestCase::new("load/ended", status(is_complete, NonSuccessKind::Error, &why));
    ended.set_classname("load").set_time(duration);
    suite.add_test_case(ended);
    if let Some(report) = record.load.as_ref().filter(|_| is_complete) {
        let mut valid = TestCase::new("load/valid", status(report.valid, NonSuccessKind::Failure, &why));
        valid.set_classname("load");
        suite.add_test_case(valid);
    }
    suite.add_test_cases(record.gates.iter().map(gate_case));
    suite.set_system_out(printable_lines(&table(record, None, COLUMNS_WITHOUT_TERMINAL), LINES_LIMIT).join("\n"));
    let mut report = Report::new("rct");
    report.set_time(duration).add_test_suite(suite);
    xml::text(&report)
}

/// Returns the case of a gate, which has the expression as its name. A gate without a verdict is an error.
fn gate_case(gate: &GateRecord) -> TestCase {
    let is_missed = gate.verdict == GateVerdict::Missed;
    let kind = if is_missed { NonSuccessKind::Failure } else { NonSuccessKind::Error };
    let status = status(gate.verdict == GateVerdict::Passed, kind, &sentence(gate));
    let mut case = TestCase::new(&*printable(&format!("load/fail-if {}", gate.expression)), status);
    case.set_classname("load");
    case
}

fn status(is_good: bool, kind: NonSuccessKind, why: &str) -> TestCaseStatus {
    if is_good {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(why);
    status
}
