//! The suite proves itself: a cluster that is right in all but one named way, and the checks that must notice.
//!
//! By default a sample of the defects is told, to the checks that disturb nobody. `script/defects` tells all of them, to
//! all checks, and prints the table.
//!
//! * `RCT_DEFECTS` picks defects by patterns with commas, or `all`;
//! * `RCT_DEFECTS_CHECKS` picks checks by patterns, or `all`;
//! * `RCT_DEFECTS_SERVER` picks one server by its program.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod honest;
mod lane;
mod matrix;
mod selection;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use selection::Selection;

#[test]
fn each_defect_fails_the_checks_that_it_names_and_no_others() {
    let servers = Selection::from_environment().servers;
    // Side by side, since checks mostly wait.
    let threads: Vec<_> = servers.into_iter().map(|server| thread::spawn(move || Judged::of(&server))).collect();
    let judged: Vec<Judged> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (mut wrong, mut seen, mut named) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for Judged { table, wrong: some, sights } in &judged {
        println!("{table}");
        wrong.extend(some.clone());
        for (defect, id, sees) in sights {
            if *sees { &mut seen } else { &mut named }.insert((*defect, id.clone()));
        }
    }
    if judged.len() > 1 {
        let unseen = named.difference(&seen);
        wrong.extend(unseen.map(|(defect, id)| format!("{defect} names {id}, which sees it on no server")));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The matrix of one server, as far as another thread needs it.
struct Judged {
    table: String,
    wrong: Vec<String>,
    sights: Vec<(&'static str, String, bool)>,
}

impl Judged {
    fn of(server: &Path) -> Self {
        let matrix = matrix::run(server, &Selection::from_environment());
        let sights = matrix.sights().map(|(defect, id, sees)| (defect, id.to_owned(), sees)).collect();
        Self { table: table::of(&matrix), wrong: matrix.wrong(), sights }
    }
}

#[test]
fn names_are_unique_and_what_they_name_exists() {
    let checks = suites::Catalogue::built_in().unwrap();
    let mut names = BTreeSet::new();
    for defect in defects::all() {
        assert!(names.insert(defect.name), "{} is there twice", defect.name);
        assert!(defect.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{}", defect.name);
        assert!(!defect.fails.is_empty(), "{} names no check", defect.name);
        for pattern in defect.fails {
            let pattern = harness::runner::pattern::Pattern::new(*pattern);
            assert!(pattern.fits_any(checks.checks()), "{} names {pattern}, which fits no check", defect.name);
        }
    }
}
