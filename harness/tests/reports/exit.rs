//! The exit status of each way in which a run can end.

use harness::record::{Level, Verdict};

use crate::fixture::{Run, a_run, check};

fn code(run: Run) -> u8 {
    let record = run.record();
    assert_eq!(record.exit_status, Some(record.status().code()));
    record.status().code()
}

#[test]
fn as_expected_is_0() {
    let run = a_run()
        .with(check("a/passes"))
        .with(check("a/is-known").known("a reason"))
        .with(check("a/is-flaky").flaky("1", "2"))
        .with(check("a/is-skipped").skipped("a reason"));
    assert_eq!(code(run.complete()), 0);
}

#[test]
fn a_failure_counts_from_the_level_upwards() {
    let run = |level| a_run().with(check("a/fails").level(Level::Should).failed("1", "2")).failing_at(level).complete();
    assert_eq!(code(run(Level::Must)), 0);
    assert_eq!(code(run(Level::Should)), 1);
    assert_eq!(code(run(Level::May)), 1);
}

#[test]
fn a_stale_entry_is_1_whatever_its_level() {
    assert_eq!(code(a_run().with(check("a/b").level(Level::May).verdict(Verdict::Stale)).complete()), 1);
}

#[test]
fn broken_is_3_and_a_failure_wins_over_it() {
    let broken = || a_run().with(check("a/passes")).with(check("a/breaks").broken("no memory"));
    assert_eq!(code(broken().complete()), 3);
    assert_eq!(code(broken().with(check("a/fails").failed("1", "2")).complete()), 1);
}

#[test]
fn a_lost_cluster_is_3_unless_a_rule_was_broken_before() {
    assert_eq!(code(a_run().lost("gone")), 3);
    assert_eq!(code(a_run().with(check("a/fails").failed("1", "2")).lost("gone")), 1);
}

#[test]
fn nothing_judged_is_4() {
    assert_eq!(code(a_run().complete()), 4);
    assert_eq!(code(a_run().with(check("a/b").skipped("needs kill-node")).complete()), 4);
}

#[test]
fn an_interruption_is_130_whatever_came_before() {
    assert_eq!(code(a_run().with(check("a/fails").failed("1", "2")).interrupted_before(&["a/never"])), 130);
}
