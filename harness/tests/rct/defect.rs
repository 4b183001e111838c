//! `rct conform --defect`: what a failure looks like, and how unknown names are refused.

use crate::servers::server;
use crate::support::{conform, rct, run, text};

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

#[test]
fn fail_fast_starts_no_further_check_and_failed_repeats_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let server = server("redis-7.0");
    let arguments = |more: &[&str]| -> Vec<String> {
        let all = ["conform", "--server", server.to_str().unwrap(), "--out", "out", "--jobs", "1", "--quiet"];
        all.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    let run = |more: &[&str]| rct(folder.path()).args(arguments(more)).env("GITHUB_ACTIONS", "true").output().unwrap();
    let defect = ["--defect", "only-the-first-two-keys-are-compared"];
    let output = run(&[&["--run", "crossslot", "--fail-fast"], &defect[..]].concat());
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}{}", text(&output.stderr));
    assert!(shown.trim_end().ends_with("--fail-fast stopped the run"), "{shown}");
    assert!(shown.trim_start().starts_with("FAIL [") && !shown.contains("PASS ["), "{shown}");
    let annotations = text(&output.stderr);
    assert!(annotations.starts_with("::error title=FAIL crossslot/"), "{annotations}");
    let first = std::fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(first.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["counts"]["fail"], 1);
    assert!(!record["not_run"].as_array().unwrap().is_empty());
    let output = run(&["--failed", first.to_str().unwrap(), "--no-github"]);
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("the one check ended as expected") && !shown.contains("::"), "{shown}");
}
