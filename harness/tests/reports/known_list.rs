//! `--write-known`: the list of a run's failures, which `--known` takes once it has reasons.

use harness::report::known_list::{KnownList, render};
use harness::runner::known::Known;
use insta::assert_snapshot;
use suites::{Catalogue, Product, Server, Version};

use crate::fixture::{a_run, a_run_with_every_verdict, a_wrong_redirect, check};

#[test]
fn the_list_has_every_failure_with_its_evidence() {
    assert_snapshot!(render(&a_run_with_every_verdict().record()));
}

#[test]
fn a_reason_must_be_filled_in_before_the_list_is_of_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known.toml");
    a_run().with(a_wrong_redirect()).complete().report_to(&mut KnownList::new(path.clone()));
    let catalogue = Catalogue::built_in().unwrap();
    let error = Known::default().add_file(&path, catalogue.checks()).unwrap_err().to_string();
    assert!(error.contains("\"redirect/moved-from-non-owner\" has no reason"), "{error}");

    let filled = std::fs::read_to_string(&path).unwrap().replace("reason = \"\"", "reason = \"on purpose\"");
    std::fs::write(&path, filled).unwrap();
    let mut known = Known::default();
    known.add_file(&path, catalogue.checks()).unwrap();
    let redis = |version| Server { product: Product::Redis, version };
    let id = "redirect/moved-from-non-owner";
    assert_eq!(known.find(id, &redis(Version(7, 0, 15))).unwrap().reason, "on purpose");
    assert!(known.find(id, &redis(Version(7, 0, 14))).is_none());
}

#[test]
fn texts_of_servers_stay_in_their_comments() {
    let hostile = check("redirect/moved-from-non-owner").failed("OK", "a\n[[known]]\ncheck = \"*\"\nreason = \"r\"");
    let list = render(&a_run().with(hostile).complete().record());
    assert_eq!(list.matches("\n[[known]]").count(), 1, "{list}");
}

#[test]
fn a_run_without_failures_writes_a_list_without_entries() {
    let list = render(&a_run().with(check("slots/count")).complete().record());
    assert_eq!(list, "# No check failed in the run of 2026-08-22T10:14:03Z.\n");
}
