//! One line for one cause: failures that look alike are counted before the list of failures.

use harness::report::causes;
use harness::report::terminal::{Style, render};
use harness::report::{html, markdown};

use crate::fixture::{Run, a_run, check};

/// A server that runs commands with keys of several slots: 61 checks fail for that, and a few for other causes.
fn a_run_with_one_cause() -> Run {
    let mut run = a_run().with(check("slots/count").failed("16384 slots", "16383 slots"));
    for number in 0..61 {
        let received = ["OK", "(integer) 2", "[null, null]", "null"][number % 4];
        run = run.with(check(&format!("crossslot/command-{number}")).failed("error CROSSSLOT", received));
    }
    for number in 0..5 {
        let expected = format!("error MOVED {number} 127.0.0.1:700{number}");
        run = run.with(check(&format!("moved/command-{number}")).failed(&expected, "error ERR unknown command 'X'"));
    }
    run.with(check("crossslot/other").failed("error CROSSSLOT", "error MOVED 1 127.0.0.1:7000")).complete()
}

#[test]
fn case_f8_many_failures_of_one_cause_have_one_line_before_the_list() {
    let record = a_run_with_one_cause().record();
    let lines = [
        "61 checks expected CROSSSLOT and got a normal reply",
        "5 checks expected MOVED and got ERR unknown command …",
    ];
    assert_eq!(causes::lines(&record), lines);
    let style = Style { columns: 100, colour: false, every_check: false, is_brief: false };
    let summary = render(&record, None, style);
    let summary = summary.split("suite  ").nth(1).unwrap();
    assert!(summary.find(lines[0]).unwrap() < summary.find("FAIL    must").unwrap(), "{summary}");
    assert!(markdown::render(&record).contains(lines[0]) && html::render(&record, None).contains(lines[0]));
}

#[test]
fn a_few_failures_have_no_line() {
    let run = (0..4).fold(a_run(), |run, number| {
        run.with(check(&format!("crossslot/command-{number}")).failed("error CROSSSLOT", "OK"))
    });
    assert!(causes::lines(&run.complete().record()).is_empty());
}
