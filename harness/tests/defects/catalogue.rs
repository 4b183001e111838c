//! Rules for the catalogue of defects and for the committed matrix, which need no run.

use std::collections::BTreeSet;

use defects::Matrix;
use suites::Catalogue;

#[test]
fn names_are_unique_and_sentences_have_no_full_stop() {
    let mut names = BTreeSet::new();
    for defect in defects::all() {
        assert!(names.insert(defect.name), "two defects are called {}", defect.name);
        assert!(defect.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{}", defect.name);
        assert!(!defect.sentence.ends_with('.'), "{}", defect.sentence);
        assert!((1..=3).contains(&defect.caught_by.len()), "{} names {:?}", defect.name, defect.caught_by);
    }
}

#[test]
fn every_check_that_exists_to_catch_a_defect_fails_under_it() {
    let (catalogue, matrix) = (Catalogue::built_in().unwrap(), Matrix::committed().unwrap());
    for defect in defects::all() {
        let failing: BTreeSet<&str> = matrix.failing(defect.name).collect();
        for &id in defect.caught_by {
            assert!(catalogue.find(id).is_some(), "{} is caught by {id}, which is no check", defect.name);
            assert!(failing.contains(id), "defects/matrix.tsv does not say that {id} fails under {}", defect.name);
        }
    }
}

#[test]
fn every_check_fails_under_some_defect() {
    let (catalogue, matrix) = (Catalogue::built_in().unwrap(), Matrix::committed().unwrap());
    let failing: BTreeSet<&str> = matrix.pairs().map(|(pair, _)| pair.check.as_str()).collect();
    let ids: BTreeSet<&str> = catalogue.checks().iter().map(|check| check.id.as_str()).collect();
    let unknown: Vec<_> = failing.difference(&ids).collect();
    assert!(unknown.is_empty(), "defects/matrix.tsv has checks that do not exist: {unknown:?}; {ACCEPT}");
    let never: Vec<_> = ids.difference(&failing).filter(|id| !NOT_SHOWN.contains(id)).collect();
    assert!(never.is_empty(), "by defects/matrix.tsv these checks fail under no defect: {never:?}; {ACCEPT}");
    let names: BTreeSet<&str> = defects::all().map(|defect| defect.name).collect();
    let unknown: Vec<_> = matrix.pairs().map(|(pair, _)| pair).filter(|pair| !names.contains(&*pair.defect)).collect();
    assert!(unknown.is_empty(), "defects/matrix.tsv has defects that do not exist: {unknown:?}; {ACCEPT}");
}

/// Checks that no run can make fail: neither Redis 7.0 nor Valkey 9.1 has the command; or Redis 7.0 breaks the rule
/// anyway, and Valkey 9.1 was built without TLS.
const NOT_SHOWN: [&str; 3] =
    ["crossslot/msetex", "crossslot/stralgo-lcs", "tls/scripts-list-other-ports-to-other-clients"];

const ACCEPT: &str = "`script/defects --accept` rewrites the file";
