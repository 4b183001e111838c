//! The report on standard output.

use std::path::PathBuf;

use harness::report::progress::Progress;
use harness::report::terminal::{Style, Terminal, render};
use indicatif::ProgressBar;
use insta::assert_snapshot;

use crate::fixture::{Run, a_run, a_run_with_every_verdict, a_wrong_redirect, check};

const CI_LOG: Style = Style { columns: 400, colour: false, every_check: true, is_brief: false };

fn folder() -> PathBuf {
    PathBuf::from("results/2026-08-22T10-14-03Z-local")
}

fn printed(run: &Run, style: Style) -> String {
    let mut out = Vec::new();
    run.report_to(&mut Terminal::new(&mut out, style, Some(folder()), ProgressBar::hidden()));
    String::from_utf8(out).unwrap()
}

fn status_lines(report: &str) -> String {
    let lines = report.lines().filter(|line| line.contains("s] ("));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn all_status_lines_line_up() {
    assert_snapshot!(status_lines(&printed(&a_run_with_every_verdict(), CI_LOG)));
}

#[test]
fn no_status_line_is_wider_than_the_screen() {
    let run = a_run_with_every_verdict().with(check("redirect/重定向-到-所有者").skipped(&"理由".repeat(100)));
    let report = printed(&run, Style { columns: 80, ..CI_LOG });
    assert_snapshot!(status_lines(&report));
    for line in status_lines(&report).lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line:?}");
    }
    // A reason that does not fit follows in full.
    assert!(report.contains("must\n         needs kill-node, which this target does not offer\n"), "{report}");
}

#[test]
fn a_failure_reads_as_the_readme_shows() {
    let report = printed(&a_run().with(a_wrong_redirect()), CI_LOG);
    assert_snapshot!(report);
}

#[test]
fn a_failure_on_a_narrow_screen_is_broken_between_words() {
    let report = printed(&a_run().with(a_wrong_redirect()), Style { columns: 60, ..CI_LOG });
    assert_snapshot!(report);
}

#[test]
fn the_whole_report_ends_on_the_verdict() {
    assert_snapshot!(printed(&a_run_with_every_verdict().warned("node 3 logs at level debug"), CI_LOG));
}

#[test]
fn on_a_terminal_only_what_needs_attention_has_a_line() {
    let report = printed(&a_run_with_every_verdict(), Style { every_check: false, ..CI_LOG });
    assert!(!report.contains("PASS ["), "{report}");
    assert_eq!(status_lines(&report).lines().count(), 8, "{report}");
}

#[test]
fn colours_change_no_words() {
    let plain = printed(&a_run_with_every_verdict(), CI_LOG);
    let coloured = printed(&a_run_with_every_verdict(), Style { colour: true, ..CI_LOG });
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn an_interrupted_run_says_how_far_it_came() {
    let run = a_run().with(a_wrong_redirect()).interrupted_before(&["slots/every-slot", "topology/shards"]);
    assert_snapshot!(printed(&run, CI_LOG));
}

#[test]
fn a_run_that_never_had_a_cluster_says_why() {
    let run = a_run().lost("127.0.0.1:7003 did not answer within 20 s: start the server by hand to see why");
    assert_snapshot!(printed(&run, CI_LOG));
}

#[test]
fn a_run_that_was_read_back_shows_the_same_end() {
    let run = a_run_with_every_verdict();
    let report = render(&run.record(), Some(&folder()), CI_LOG);
    let end = |text: &str| text[text.find("  suite ").unwrap()..].to_owned();
    assert_eq!(end(&report), end(&printed(&run, CI_LOG)));
    assert_eq!(status_lines(&report).lines().count(), 10);
}

#[test]
fn progress_in_a_log_names_each_thing_once() {
    use harness::record::{Event, Reporter};

    let record = a_run().record();
    let mut err = Vec::new();
    let mut progress = Progress::new(&mut err, ProgressBar::hidden());
    let bring_up = |what: &str, done| Event::BringUp { what: what.into(), done, total: 2 };
    let hint = Some("set loglevel to notice".to_owned());
    let events = [
        bring_up("starting 6 nodes", 0),
        bring_up("starting 6 nodes", 2),
        bring_up("waiting for every view to agree", 0),
        Event::Notice("settled after 0.3 s".into()),
        Event::Warning { text: "node 3 logs at level debug".into(), hint },
        Event::Interrupted,
    ];
    events.iter().for_each(|event| progress.event(event, &record).unwrap());
    assert_snapshot!(String::from_utf8(err).unwrap());
}

#[test]
fn the_command_for_another_run_says_what_it_leaves_out() {
    let failing = |run: Run, number: usize| run.with(check(&format!("slots/rule-{number}")).failed("1", "2"));
    let five = (0..5).fold(a_run(), failing).complete();
    let report = printed(&five, CI_LOG);
    assert!(report.contains("--run slots/rule-4") && !report.contains("more did not pass"), "{report}");
    let seven = (0..7).fold(a_run(), failing).complete();
    let report = printed(&seven, CI_LOG);
    assert!(report.contains("--run slots/rule-4") && !report.contains("--run slots/rule-5\n\n"), "{report}");
    let rest = "2 more did not pass: results/2026-08-22T10-14-03Z-local/report.html has the command for each";
    assert!(report.contains(rest), "{report}");
}
