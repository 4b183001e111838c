//! The formats that are pure functions of the record.

use harness::record::file::to_json;
use harness::report::compare::{Comparison, compare};
use harness::report::{html, junit, markdown};
use insta::assert_snapshot;

use crate::fixture::{a_run, a_run_with_every_verdict, a_wrong_redirect, check};

#[test]
fn junit_holds_every_verdict() {
    assert_snapshot!(junit::render(&a_run_with_every_verdict().record()).unwrap());
}

#[test]
fn junit_of_an_unfinished_run_has_an_error() {
    let run = a_run().with(check("slots/count")).interrupted_before(&["slots/every-slot"]);
    assert_snapshot!(junit::render(&run.record()).unwrap());
}

#[test]
fn markdown_begins_with_the_verdict() {
    assert_snapshot!(markdown::render(&a_run_with_every_verdict().record()));
}

#[test]
fn html_holds_every_check_and_no_script() {
    let page = html::render(&a_run_with_every_verdict().record());
    let body = &page[page.find("<body>").unwrap()..];
    assert_snapshot!(body);
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

#[test]
fn run_json_keeps_its_promises() {
    assert_snapshot!(to_json(&a_run_with_every_verdict().record()).unwrap());
}

#[test]
fn compare_tells_worse_from_better() {
    let older = a_run()
        .with(check("redirect/moved-from-non-owner"))
        .with(check("redirect/moved-slot"))
        .with(check("slots/count").failed("16384", "16383"))
        .with(check("slots/gone"))
        .complete()
        .record();
    let newer = a_run()
        .with(a_wrong_redirect())
        .with(check("redirect/moved-slot"))
        .with(check("slots/count"))
        .with(check("slots/new").skipped("needs move-slot"))
        .complete()
        .record();
    assert_snapshot!(compare(&older, &newer));
    assert_eq!(Comparison::of(&older, &newer).worse().count(), 1);
    assert!(Comparison::of(&older, &newer).is_worse() && !Comparison::of(&newer, &newer).is_worse());
    assert!(!Comparison::of(&newer, &newer).is_different());
}
