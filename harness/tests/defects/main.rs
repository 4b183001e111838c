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

use selection::Selection;

#[test]
fn each_defect_fails_the_checks_that_it_names_and_no_others() {
    let selection = Selection::from_environment();
    let (mut wrong, mut seen, mut named) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for server in &selection.servers {
        let matrix = matrix::run(server, &selection);
        println!("{}", table::of(&matrix));
        wrong.extend(matrix.wrong());
        for (defect, id, sees) in matrix.sights() {
            if sees { &mut seen } else { &mut named }.insert((defect, id.to_owned()));
        }
    }
    if selection.servers.len() > 1 {
        let unseen = named.difference(&seen);
        wrong.extend(unseen.map(|(defect, id)| format!("{defect} names {id}, which sees it on no server")));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
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
