//! The folder of a run.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use harness::record::Record;
use harness::record::ReportError;
use harness::record::layout::transcript_path;
use harness::record::{Event, EventLine, Reporter};
use harness::report::folder::{RunFolder, write_reports};

use crate::fixture::{a_run, a_run_with_every_verdict, a_wrong_redirect, check};

fn create(out: &Path, target: &str) -> RunFolder {
    RunFolder::create(out, "2026-08-22T10:14:03Z".parse().unwrap(), target).unwrap()
}

fn name(folder: &RunFolder) -> String {
    folder.path().file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_run_reads_back_as_it_was_written() {
    let out = tempfile::tempdir().unwrap();
    let mut folder = create(out.path(), "local");
    let run = a_run_with_every_verdict();
    run.report_to(&mut folder);
    assert_eq!(Record::load(folder.path()).unwrap(), run.record());
    assert_eq!(Record::load(&folder.path().join("run.json")).unwrap(), run.record());
    for file in ["junit.xml", "summary.md", "report.html"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

#[test]
fn run_json_is_there_before_the_run_ends() {
    let out = tempfile::tempdir().unwrap();
    let mut folder = create(out.path(), "local");
    a_run().with(check("slots/count")).report_to(&mut folder);
    let record = Record::load(folder.path()).unwrap();
    assert_eq!((record.planned(), record.exit_status), (1, None));
}

#[test]
fn an_interruption_writes_every_report_at_once() {
    let out = tempfile::tempdir().unwrap();
    let mut folder = create(out.path(), "local");
    let mut record = a_run().with(a_wrong_redirect()).record();
    record.apply(&Event::Interrupted, std::time::Duration::ZERO);
    folder.event(&Event::Interrupted, &record).unwrap();
    assert_eq!(Record::load(folder.path()).unwrap().exit_status, Some(130));
    assert!(fs::read_to_string(folder.path().join("summary.md")).unwrap().starts_with("# INTERRUPTED"));
}

#[test]
fn only_a_check_that_did_not_pass_leaves_a_transcript() {
    let out = tempfile::tempdir().unwrap();
    let mut folder = create(out.path(), "local");
    let run = a_run().with(a_wrong_redirect()).with(check("slots/count").with_transcript("> PING\n")).complete();
    run.report_to(&mut folder);
    let transcript = folder.path().join("transcripts/redirect.moved-from-non-owner.txt");
    assert_eq!(fs::read_to_string(transcript).unwrap(), "> GET foo\n< null\n");
    assert_eq!(fs::read_dir(folder.path().join("transcripts")).unwrap().count(), 1);
    let paths: Vec<_> = run.record().checks.into_iter().map(|check| check.transcript).collect();
    assert_eq!(paths, [Some("transcripts/redirect.moved-from-non-owner.txt".to_owned()), None]);
}

#[test]
fn runs_of_the_same_second_have_folders_of_their_own() {
    let out = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..3).map(|_| name(&create(&out.path().join("new"), "local"))).collect();
    let first = "2026-08-22T10-14-03Z-local";
    assert_eq!(names, [first.to_owned(), format!("{first}-2"), format!("{first}-3")]);
}

#[test]
fn a_folder_is_named_by_the_address_and_never_by_the_password() {
    let out = tempfile::tempdir().unwrap();
    let named = |target: &str| name(&create(out.path(), target));
    assert_eq!(named("127.0.0.1:7000,127.0.0.1:7001"), "2026-08-22T10-14-03Z-127.0.0.1-7000-127.0.0.1-7001");
    assert_eq!(named("rediss://user:secret@db.example:7000"), "2026-08-22T10-14-03Z-db.example-7000");
    assert!(named(&"a".repeat(5000)).len() < 200);
    assert_eq!(named("../../etc"), "2026-08-22T10-14-03Z-etc");
}

#[test]
fn a_transcript_stays_in_the_folder_and_belongs_to_one_check() {
    assert_eq!(transcript_path("redirect/moved"), "transcripts/redirect.moved.txt");
    let strange = ["../../etc/passwd", "a/b\0c", "a/b\nc", &"x/".repeat(3000)].map(transcript_path);
    for path in &strange {
        assert_eq!(Path::new(path).components().count(), 2, "{path}");
        assert!(path.len() < 200, "{path}");
    }
    assert_ne!(strange[1], strange[2]);
}

#[test]
fn a_file_that_is_not_a_run_is_refused_with_the_reason() {
    let out = tempfile::tempdir().unwrap();
    let refused = |content: &str| {
        fs::write(out.path().join("run.json"), content).unwrap();
        let message = Record::load(out.path()).unwrap_err().to_string();
        message.replace(&*out.path().to_string_lossy(), "RUN")
    };
    let messages = [
        refused(""),
        refused("[1]"),
        refused("{\"schema\": 2, \"kind\": \"conform\"}"),
        refused("{\"schema\": 1, \"kind\": \"stroll\"}"),
        refused("{\"schema\": 1, \"kind\": \"\\u001b[2J\"}"),
        refused(&format!("{{\"schema\": 1, \"deep\": {}", "[".repeat(100_000))),
    ];
    insta::assert_snapshot!(messages.join("\n"));
    fs::remove_file(out.path().join("run.json")).unwrap();
    assert!(matches!(Record::load(out.path()), Err(ReportError::Read { .. })));
    assert!(matches!(Record::load(&out.path().join("none")), Err(ReportError::Read { .. })));
}

#[test]
fn unknown_fields_of_a_newer_rct_are_ignored() {
    let out = tempfile::tempdir().unwrap();
    let record = a_run_with_every_verdict().record();
    let mut value = serde_json::to_value(&record).unwrap();
    value["weather"] = "fair".into();
    fs::write(out.path().join("run.json"), value.to_string()).unwrap();
    assert_eq!(Record::load(out.path()).unwrap(), record);
}

#[test]
fn a_folder_that_cannot_be_written_is_one_warning() {
    let out = tempfile::tempdir().unwrap();
    let folder = create(out.path(), "local");
    fs::remove_dir(folder.path()).unwrap();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let run = a_run().with(a_wrong_redirect()).with(check("slots/count")).complete();
    let line = EventLine::new(run.blank(), vec![Box::new(folder), Box::new(Warnings(heard.clone()))]);
    run.events().into_iter().for_each(|event| line.send(event));
    assert_eq!(heard.borrow().len(), 1, "{:?}", heard.borrow());
    assert!(heard.borrow()[0].starts_with("failed to write "), "{:?}", heard.borrow());
    assert_eq!((line.record().checks.len(), line.record().exit_status), (2, Some(1)));
}

#[test]
fn reports_of_an_old_run_can_be_written_again() {
    let out = tempfile::tempdir().unwrap();
    let record = a_run_with_every_verdict().record();
    write_reports(out.path(), &record).unwrap();
    assert_eq!(Record::load(out.path()).unwrap(), record);
    assert!(fs::read_dir(out.path()).unwrap().all(|entry| !entry.unwrap().path().ends_with(".part")));
}

/// A reporter that keeps all warnings.
struct Warnings(Rc<RefCell<Vec<String>>>);

impl Reporter for Warnings {
    fn event(&mut self, event: &Event, _record: &Record) -> Result<(), ReportError> {
        if let Event::Warning { text, .. } = event {
            self.0.borrow_mut().push(text.clone());
        }
        Ok(())
    }
}
