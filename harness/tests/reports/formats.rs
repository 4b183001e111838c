//! The formats that are pure functions of the record.

use harness::record::Level;
use harness::record::file::to_json;
use harness::report::compare::{Comparison, compare};
use harness::report::{csv, html, junit, markdown};
use insta::assert_snapshot;

use crate::fixture::{Run, a_run, a_run_with_every_verdict, a_wrong_redirect, check};
use crate::{junit_schema, schema};

#[test]
fn junit_holds_every_verdict_and_is_valid() {
    let document = junit::render(&a_run_with_every_verdict().record()).unwrap();
    assert_snapshot!(document);
    let mistakes = junit_schema::mistakes(&document);
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn junit_fails_what_fails_the_run_and_nothing_else() {
    let should = || a_run().with(check("a/fails").level(Level::Should).failed("1", "2"));
    let failures = |run: Run| junit::render(&run.complete().record()).unwrap().matches("<failure").count();
    assert_eq!(failures(should()), 0);
    assert_eq!(failures(should().failing_at(Level::Should)), 1);
    assert_eq!(failures(a_run().with(check("a/b").known("a reason")).with(check("a/c").flaky("1", "2"))), 0);
}

#[test]
fn junit_of_an_unfinished_run_has_an_error() {
    let run = a_run().with(check("slots/count")).interrupted_before(&["slots/every-slot"]);
    let document = junit::render(&run.record()).unwrap();
    assert_snapshot!(document);
    assert!(junit_schema::mistakes(&document).is_empty());
}

#[test]
fn markdown_begins_with_the_verdict() {
    assert_snapshot!(markdown::render(&a_run_with_every_verdict().record()));
}

#[test]
fn html_holds_every_check_and_loads_nothing() {
    let page = html::render(&a_run_with_every_verdict().record(), None);
    let body = &page[page.find("<body").unwrap()..page.find("<script>").unwrap()];
    // A line for each element makes a change of the page readable.
    assert_snapshot!(body.replace("><", ">\n<"));
    assert_eq!(page.matches("<script").count(), 1);
    for loading in [" src=", "<link", "@import", "url("] {
        assert!(!page.contains(loading), "{loading}");
    }
}

#[test]
fn html_has_an_anchor_for_every_check_and_every_link_leads_to_one() {
    let record = a_run_with_every_verdict().record();
    let page = html::render(&record, None);
    for check in &record.checks {
        assert_eq!(page.matches(&format!("id=\"{}\"", check.id)).count(), 1, "{}", check.id);
    }
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
}

#[test]
fn html_tells_failures_of_the_run_from_those_below_its_level() {
    let page = html::render(&a_run_with_every_verdict().record(), None);
    let tolerated = page.find("<section id=\"tolerated\">").unwrap();
    let place = |id: &str| page.find(&format!("id=\"{id}\"")).unwrap();
    assert!(place("redirect/moved-from-non-owner") < tolerated && tolerated < place("redirect/moved-is-lowercase"));
}

#[test]
fn html_marks_what_was_received_beside_what_was_expected() {
    let page = |expected: &str, received: &str| {
        html::render(&a_run().with(check("slots/a").failed(expected, received)).complete().record(), None)
    };
    assert!(page("the nodes a, b", "a, c, b").contains("a, <mark>c,</mark> b"));
    assert!(!page("error MOVED 1 a:1", "(integer) 0").contains("<mark>"), "texts that have little in common");
}

#[test]
fn html_shows_the_transcripts_of_the_folder() {
    let out = tempfile::tempdir().unwrap();
    std::fs::create_dir(out.path().join("transcripts")).unwrap();
    let record = a_run().with(a_wrong_redirect()).complete().record();
    let path = record.checks[0].transcript.clone().unwrap();
    std::fs::write(out.path().join(path), "> GET foo\n< <null>\n").unwrap();
    assert!(html::render(&record, Some(out.path())).contains("&gt; GET foo\n&lt; &lt;null&gt;"));
}

#[test]
fn a_page_of_many_failures_stays_below_a_megabyte() {
    let text = "a reply of a server that says a lot ".repeat(400);
    let failing = |run: Run, number: usize| run.with(check(&format!("suite-{number}/x")).failed(&text, &text));
    let page = html::render(&(0..500).fold(a_run(), failing).complete().record(), None);
    assert!(page.len() < 1024 * 1024, "{} bytes", page.len());
}

#[test]
fn csv_has_a_line_for_each_check() {
    assert_snapshot!(csv::render(&a_run_with_every_verdict().record()));
}

#[test]
fn run_json_keeps_its_promises() {
    let text = to_json(&a_run_with_every_verdict().record()).unwrap();
    assert_eq!(schema::mistakes("run", &serde_json::from_str(&text).unwrap()), "");
    assert_snapshot!(text);
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
