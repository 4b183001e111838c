//! Commands that read earlier runs, and the schemas of the formats.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{refuses, run, schema, text};

/// Writes a run with one check into `results/`, and returns its folder relative to `folder`.
fn a_run(folder: &Path, name: &str, product: &str, verdict: &str) -> String {
    let mut counts = json!({ "pass": 0, "fail": 0, "skip": 0, "broken": 0, "known": 0, "stale": 0, "flaky": 0 });
    counts[verdict] = 1.into();
    let check = json!({
        "id": "slots/count", "suite": "slots", "title": "There are 16384 slots", "level": "must", "verdict": verdict,
        "duration_ms": 1.0, "reason": null
    });
    let record = json!({
        "schema": 1, "kind": "conform", "rct": "0", "started": "2026-01-01T00:00:00Z", "duration_s": 1.0, "seed": 1,
        "ended": "complete", "exit_status": 0, "counts": counts, "checks": [check],
        "target": { "kind": "local", "shape": "3+1", "servers": [{ "product": product, "version": "7.0.15" }] }
    });
    let path = format!("results/{name}");
    fs::create_dir_all(folder.join(&path)).unwrap();
    fs::write(folder.join(&path).join("run.json"), record.to_string()).unwrap();
    path
}

#[test]
fn report_without_a_name_shows_the_latest_run() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["report"], 2, &["there is no run in results/"]);
    a_run(folder.path(), "2026-01-02T00-00-00Z-local", "valkey", "pass");
    a_run(folder.path(), "2026-01-01T00-00-00Z-local", "redis", "pass");
    fs::create_dir(folder.path().join("results/published")).unwrap();
    let output = run(folder.path(), &["report"]);
    assert!(text(&output.stdout).contains("valkey 7.0.15"), "{}{}", text(&output.stdout), text(&output.stderr));
    let table = text(&run(folder.path(), &["report", "--format", "csv"]).stdout);
    assert_eq!(
        table.lines().nth(1).map(|line| line.starts_with("slots/count,slots,must,pass,1,")),
        Some(true),
        "{table}"
    );
}

#[test]
fn failed_needs_a_run_in_which_a_check_failed() {
    let folder = tempfile::tempdir().unwrap();
    let passed = a_run(folder.path(), "passed", "redis", "pass");
    refuses(folder.path(), &["conform", "--failed", &passed], 4, &["no check failed in results/passed"]);
    refuses(folder.path(), &["conform", "--failed", "missing"], 2, &["missing"]);
    let failed = a_run(folder.path(), "failed", "redis", "fail");
    // The check of that run is not one of rct.
    refuses(folder.path(), &["conform", "--failed", &failed], 4, &["no check is selected"]);
}

#[test]
fn near_names_are_suggested() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--run", "redirct"], 4, &["did you mean redirect?"]);
    refuses(folder.path(), &["list", "mvoed"], 4, &["did you mean moved?"]);
    refuses(folder.path(), &["explain", "crossslot/mgte"], 4, &["did you mean crossslot/mget"]);
}

#[test]
fn a_matrix_is_made_of_runs_of_checks() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [a_run(folder.path(), "a", "redis", "pass"), a_run(folder.path(), "b", "valkey", "fail")];
    let output = run(folder.path(), &["matrix", &runs[0], &runs[1], "--publish", "public", "--out", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "public/redis-7.0.15.json\npublic/valkey-7.0.15.json\npage.html: 2 runs\n");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("redis 7.0.15") && page.contains("valkey 7.0.15"));
    let published = run(folder.path(), &["matrix", "public/redis-7.0.15.json"]);
    assert_eq!(text(&published.stdout), "matrix.html: 1 run\n", "{}", text(&published.stderr));
    fs::write(folder.path().join("load.json"), "{\"schema\":1,\"kind\":\"load\"}").unwrap();
    refuses(folder.path(), &["matrix", "load.json"], 2, &["load.json"]);
}

#[test]
fn suite_files_and_workloads_are_valid_by_their_schemas() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let value = |text: &str| serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap();
    let files = |folder: &str| fs::read_dir(workspace.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files("suites/checks").chain(files("docs/examples")).chain(files("loadgen/workloads")).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let data = value(&fs::read_to_string(file).unwrap());
        let format = if data.get("command").is_some() { "workload" } else { "suite" };
        assert_eq!(schema::mistakes(format, &data), "", "{}", file.display());
    }
    let workload = "name = 'w'\n[keys.key]\ncount = 5\n[[command]]\nweight = 3\nsend = ['MULTI', 'EXEC']\n";
    assert_eq!(schema::mistakes("workload", &value(workload)), "");
}

#[test]
fn schemas_refuse_what_rct_refuses() {
    let refused = |format: &str, data: Value| assert_ne!(schema::mistakes(format, &data), "", "{format}: {data}");
    refused("workload", json!({ "command": [{ "send": "GET {key}", "wieght": 1 }] }));
    refused(
        "suite",
        json!({ "suite": "s", "check": [{ "id": "a", "title": "t", "level": "maybe", "spec": "x", "steps": [] }] }),
    );
    refused("suite", json!({ "check": [] }));
    refused("run", json!({ "schema": 1, "kind": "stroll" }));
}
