//! `rct conform --defect`: what a failure looks like, and how unknown names are refused.

use crate::servers::server;
use crate::support::{conform, run, text};

/// A defect that few checks catch.
const DEFECT: &str = "keyslot-ignores-hash-tags";

#[test]
fn the_checks_of_the_matrix_fail_under_a_defect_and_rct_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let matrix = defects::Matrix::committed().unwrap();
    let failing: Vec<&str> = matrix.failing(DEFECT).collect();
    let server = server("redis-7.0");
    let arguments = ["--server", server.to_str().unwrap(), "--calm", "--defect", DEFECT];
    let (status, record) = conform(folder.path(), &arguments);
    assert_eq!(status, 1);
    let checks = record["checks"].as_array().unwrap();
    for check in checks.iter().filter(|check| check["verdict"] != "skip") {
        let should_fail = failing.contains(&check["id"].as_str().unwrap());
        assert_eq!(check["verdict"] == "fail", should_fail, "{check:#}");
    }
    assert!(record["again"].as_str().unwrap().contains("--defect"), "{}", record["again"]);
}

#[test]
fn no_check_fails_behind_a_proxy_without_a_defect() {
    let folder = tempfile::tempdir().unwrap();
    let server = server("redis-7.0");
    let (status, record) =
        conform(folder.path(), &["--server", server.to_str().unwrap(), "--calm", "--defect", "none"]);
    assert_eq!((status, &record["counts"]["fail"]), (0, &0.into()), "{:#}", record["counts"]);
}

#[test]
fn unknown_defects_and_unsuitable_targets_are_refused() {
    let (folder, old) = (tempfile::tempdir().unwrap(), server("redis-6.2"));
    let near = DEFECT.replace("tags", "tag");
    for (arguments, parts) in [
        (vec!["--defect", &near], vec!["did you mean", DEFECT, "rct list --defects"]),
        (vec!["--defect", DEFECT, "--target", "127.0.0.1:1"], vec!["--target local"]),
        (vec!["--defect", DEFECT, "--server", old.to_str().unwrap()], vec!["proxy", "redis >=7.0"]),
    ] {
        let output = run(folder.path(), &[&["conform"], &arguments[..]].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}
