//! Hostile texts of servers, which no report may interpret.

use harness::record::file::to_json;
use harness::record::{Record, TEXT_LIMIT_BYTES};
use harness::report::terminal::{Style, render};
use harness::report::{html, junit, markdown};
use insta::assert_snapshot;

use crate::fixture::{Check, a_run, check};

const TRICKS: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}</script><script>alert(1)</script>```\n````\n| a | ]]> & \u{0}\u{8}\u{202e}\u{fffe} `x`";

fn tricked() -> Record {
    let tricked =
        |check: Check| check.titled(TRICKS).sent(TRICKS, TRICKS).at_step(TRICKS).measured(TRICKS, 1.0, TRICKS);
    let id = format!("{TRICKS}/x");
    let run = a_run()
        .with(tricked(check(&id).failed(TRICKS, TRICKS)))
        .with(check("a/skipped").skipped(TRICKS))
        .with(check("a/known").known(TRICKS))
        .with(check("a/broken").broken(TRICKS))
        .warned(TRICKS)
        .complete();
    run.record()
}

fn every_format(record: &Record) -> [(&'static str, String); 5] {
    let style = Style { columns: 100, colour: false, every_check: true, is_brief: false };
    [
        ("terminal", render(record, None, style)),
        ("junit", junit::render(record).unwrap()),
        ("markdown", markdown::render(record)),
        ("html", html::render(record, None)),
        ("json", to_json(record).unwrap()),
    ]
}

#[test]
fn no_format_carries_control_characters() {
    for (format, text) in every_format(&tricked()) {
        if format == "json" {
            continue; // JSON escapes controls itself and carries the rest, so that the record stays exact.
        }
        let treacherous =
            |character: char| (character.is_control() && character != '\n') || "\u{202e}\u{fffe}".contains(character);
        assert!(!text.contains(treacherous), "{format}: {text:?}");
    }
}

#[test]
fn no_text_becomes_markup() {
    for (format, text) in every_format(&tricked()) {
        match format {
            "html" => assert_eq!(text.matches("<script").count(), 1, "only the script of the page: {text}"),
            "junit" => assert!(!text.contains("<script"), "{format}: {text}"),
            _ => {}
        }
    }
    assert_snapshot!(markdown::render(&tricked()));
}

#[test]
fn no_text_of_a_server_ends_a_fence() {
    let page = markdown::render(&tricked());
    let mut fence: Option<&str> = None;
    for line in page.lines() {
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => assert!(!line.starts_with('#') && !line.starts_with('|'), "{line}"),
            None => fence = line.strip_suffix("text").filter(|ticks| ticks.starts_with("```")),
        }
    }
    assert_eq!(fence, None, "a fence stays open");
}

#[test]
fn junit_is_read_by_others() {
    let report = quick_junit::Report::deserialize_from_str(&junit::render(&tricked()).unwrap()).unwrap();
    let outcomes = (report.tests, report.failures, report.errors);
    assert_eq!(outcomes, (4, 1, 1));
    assert!(report.test_suites[0].test_cases[0].name.contains("</script>"));
}

#[test]
fn a_page_links_to_transcripts_only() {
    let mut record = a_run().with(check("a/b").failed("1", "2").with_transcript("> PING\n")).complete().record();
    assert!(html::render(&record, None).contains("<a href=\"transcripts/a.b.txt\">"));
    for path in ["javascript:alert(1)", "transcripts/../../secret", "/etc/passwd"] {
        record.checks[0].transcript = Some(path.into());
        assert!(!html::render(&record, None).contains(path), "{path}");
    }
}

#[test]
fn json_reads_back_exactly() {
    let record = tricked();
    let text = to_json(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn numbers_that_json_cannot_carry_do_not_spoil_the_record() {
    let run = a_run().with(check("a/b").took_ms(f64::NAN).measured("rate", f64::INFINITY, "/s")).complete();
    let record = run.record();
    assert_eq!(serde_json::from_str::<Record>(&to_json(&record).unwrap()).unwrap(), record);
}

#[test]
fn a_run_of_nothing_but_huge_failures_fits_a_step_summary() {
    let huge = "é".repeat(TEXT_LIMIT_BYTES);
    let check = |number| check(&format!("suite-{number}/x")).titled(&huge).failed(&huge, &huge).sent(&huge, &huge);
    let run = (0..200).fold(a_run(), |run, number| run.with(check(number).because(&format!("{number}{huge}"))));
    let page = markdown::render(&run.complete().record());
    assert!(page.len() < 1024 * 1024, "{} bytes", page.len());
}

#[test]
fn a_huge_reply_is_cut_and_counted() {
    let huge = "é\n".repeat(5_000_000);
    let run = a_run().with(check("a/b").failed("a short reply", &huge).sent(&huge, "127.0.0.1:7000")).complete();
    let record = run.record();
    let received = &record.checks[0].failure.as_ref().unwrap().received;
    assert!(received.len() < TEXT_LIMIT_BYTES + 40 && received.ends_with(" more bytes"), "{}", received.len());
    for (format, text) in every_format(&record) {
        assert!(text.len() < 9 * TEXT_LIMIT_BYTES, "{format}: {} bytes", text.len());
    }
}
