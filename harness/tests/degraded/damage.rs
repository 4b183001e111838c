//! A check that damages a node: later checks are not blamed for it.

use crate::proxy::before_scripts;
use crate::stock::{until_nodes_show, up};
use crate::suites::{check, suite};
use crate::support::{conform, problems};

/// A check that needs scripts on every primary. It may leave damage too, so that it runs as late as the other.
const SCRIPTS: &str = r#"
[[check]]
id = "scripts"
title = "Every primary runs scripts"
level = "must"
spec = "EVAL"
needs = ["risk-node"]
steps = [{ send = { command = ["EVAL", "return 1", "0"], to = "every-primary", expect = { integer = 1 } } }]
"#;

#[test]
fn case_c3_damage_is_remembered_and_fails_no_later_check() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let proxied: Vec<String> = cluster.addresses.iter().map(|address| before_scripts(address)).collect();
    for address in &cluster.addresses {
        until_nodes_show(address, &proxied.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let suite = suite(folder.path(), SCRIPTS);
    let selection =
        ["--run", "scripting/error-not-sticky", "--run", "mine", "--run", "redirect", "--run", "moved/ipv6*"];
    let target = ["--target", &proxied[0], "--allow-disruption", "--suite", &suite];
    let (status, record) = conform(folder.path(), &[&target[..], &selection[..]].concat());
    let problems = problems(&record);
    assert_eq!((status, &problems["fail"][..]), (1, &["scripting/error-not-sticky".to_owned()][..]), "{record:#}");
    assert_eq!(problems["broken"], ["mine/scripts"], "{record:#}");
    let reason = check(&record, "mine/scripts")["reason"].as_str().unwrap();
    assert!(reason.contains("is damaged since scripting/error-not-sticky"), "{reason}");
    assert!(record["warnings"].to_string().contains("restart this node"), "{record:#}");
}
