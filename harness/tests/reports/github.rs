//! What rct tells GitHub by itself.

use harness::record::{Event, Reporter};
use harness::report::github::{GitHub, annotations};
use insta::assert_snapshot;

use crate::fixture::{Run, a_run, a_run_with_every_verdict, a_wrong_redirect, check};

/// The variable of a job that writes its summary into `summary`.
fn job(summary: &str) -> impl Fn(&str) -> Option<String> {
    let summary = summary.to_owned();
    move |name: &str| match name {
        "GITHUB_ACTIONS" => Some("true".to_owned()),
        "GITHUB_STEP_SUMMARY" => Some(summary.clone()),
        _ => None,
    }
}

#[test]
fn every_problem_is_annotated() {
    assert_snapshot!(annotations(&a_run_with_every_verdict().record()));
}

#[test]
fn at_most_ten_annotations_are_written() {
    let failing = |run: Run, number: usize| run.with(check(&format!("slots/rule-{number:02}")).failed("1", "2"));
    let lines = |failures| annotations(&(0..failures).fold(a_run(), failing).complete().record());
    assert_eq!(lines(10).lines().count(), 10);
    let many = lines(25);
    assert_eq!(many.lines().count(), 10);
    assert!(many.ends_with("::16 checks more did not end as expected; the summary of the job lists them\n"), "{many}");
}

#[test]
fn nothing_of_a_server_becomes_a_command() {
    let trick = "%0A::set-output name=x::y\n::error::z\r::debug::w";
    let text = annotations(&a_run().with(check("a/b").titled(trick).failed(trick, trick)).complete().record());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("%250A"), "{text}");
}

#[test]
fn the_summary_is_added_to_what_the_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.md");
    std::fs::write(&path, "before\n").unwrap();
    let run = a_run().with(a_wrong_redirect()).complete();
    let mut out = Vec::new();
    run.report_to(&mut GitHub::of_job(&mut out, job(path.to_str().unwrap())).unwrap());
    let summary = std::fs::read_to_string(&path).unwrap();
    assert!(summary.starts_with("before\n# FAIL"), "{summary}");
    assert!(String::from_utf8(out).unwrap().starts_with("::error title=FAIL redirect/moved-from-non-owner::"));
}

#[test]
fn outside_a_job_there_is_nothing_to_tell() {
    assert!(GitHub::of_job(Vec::new(), |_| None).is_none());
    assert!(GitHub::of_job(Vec::new(), |_| Some(String::new())).is_none());
}

#[test]
fn a_summary_that_cannot_be_written_is_an_error_that_names_it() {
    let record = a_run().complete().record();
    let mut github = GitHub::of_job(Vec::new(), job("/nowhere/summary.md")).unwrap();
    let event = Event::RunFinished { ended: harness::record::Ended::Complete, problem: None };
    let error = Reporter::event(&mut github, &event, &record).unwrap_err().to_string();
    assert!(error.contains("/nowhere/summary.md"), "{error}");
}
