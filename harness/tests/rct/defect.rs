//! `rct conform --defect`: what a failure looks like, and names that nobody knows.

use crate::support::{conform, redis_6_2, redis_7_0, run, text};

/// A defect that few checks see.
const DEFECT: &str = "keyslot-ignores-hash-tags";

#[test]
fn a_defect_fails_what_it_names_and_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let defect = defects::find(DEFECT).unwrap();
    let server = redis_7_0();
    let arguments = ["--server", server.to_str().unwrap(), "--calm", "--defect", DEFECT];
    let (status, record) = conform(folder.path(), &arguments);
    assert_eq!(status, 1);
    let patterns = defect.fails.iter().map(|pattern| harness::runner::pattern::Pattern::new(*pattern));
    let patterns: Vec<_> = patterns.collect();
    let checks = record["checks"].as_array().unwrap();
    for check in checks.iter().filter(|check| check["verdict"] != "skip") {
        let is_named = patterns.iter().any(|pattern| pattern.fits(check["id"].as_str().unwrap()));
        assert_eq!(check["verdict"] == "fail", is_named, "{check:#}");
    }
    assert!(record["again"].as_str().unwrap().contains("--defect"), "{}", record["again"]);
}

#[test]
fn a_proxy_that_tells_no_lie_cannot_be_told_from_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let server = redis_7_0();
    let (status, record) =
        conform(folder.path(), &["--server", server.to_str().unwrap(), "--calm", "--defect", "none"]);
    assert_eq!((status, &record["counts"]["fail"]), (0, &0.into()), "{:#}", record["counts"]);
}

#[test]
fn what_cannot_be_told_is_refused() {
    let (folder, old) = (tempfile::tempdir().unwrap(), redis_6_2());
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
