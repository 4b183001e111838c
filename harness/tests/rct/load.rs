//! `rct load` as users and scripts call it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::servers::server;
use crate::support::{run, signal, text};

fn folder_of_run(out: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

#[test]
fn a_run_on_its_own_cluster_writes_all_figures() {
    let folder = tempdir().unwrap();
    let server = server("redis-7.0");
    let arguments = ["load", "--server", server.to_str().unwrap(), "--clients", "20", "--duration", "1s", "--preload"];
    let output = run(folder.path(), &[&arguments[..], &["--keys", "1000", "--seed", "7"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    for wanted in ["operations in 1.0 s", "response", "p99.9", "no errors, no redirects", "100.0 % of reads"] {
        assert!(text(&output.stdout).contains(wanted), "{wanted}: {}", text(&output.stdout));
    }
    assert!(text(&output.stderr).contains("/s  p50"), "a line a second: {}", text(&output.stderr));
    let run = folder_of_run(&folder.path().join("results"));
    let again = crate::support::run(folder.path(), &["report", run.to_str().unwrap()]);
    assert!(text(&again.stdout).contains("operations in 1.0 s"), "{}", text(&again.stderr));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!((record["kind"].as_str(), record["seed"].as_u64()), (Some("load"), Some(7)));
    assert_eq!(record["target"]["shape"], "3+1");
    let load = &record["load"];
    assert_eq!((load["clients"].as_u64(), load["mode"].as_str()), (Some(20), Some("closed")));
    assert!(load["offered_per_s"].is_null() && load["valid"] == true && load["not_sent"] == 0);
    assert_eq!(load["outcomes"]["ok"], load["operations"]);
    for measure in ["response", "service", "send_lag"] {
        for field in ["mean", "p50", "p90", "p99", "p999", "p9999", "max"] {
            assert!(load["latency_us"][measure][field].is_number(), "{measure} {field}");
        }
    }
    assert_eq!(load["nodes"].as_array().unwrap().len(), 3);
    assert!(load["nodes"].as_array().unwrap().iter().all(|node| node["id"].as_str().unwrap().len() == 40));
    let log = fs::read_to_string(run.join("latency.hlog")).unwrap();
    assert!(log.lines().any(|line| line.starts_with("Tag=response.GET.127.0.0.1:")), "{log}");
    assert!(fs::read_to_string(run.join("response.hgrm")).unwrap().contains("1/(1-Percentile)"));
    let slots = fs::read_to_string(run.join("slots.csv")).unwrap();
    let by_slot = slots.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u64>().unwrap());
    assert_eq!(Some(by_slot.sum()), load["operations"].as_u64());
    formats(folder.path(), run.to_str().unwrap(), load);
}

/// Checks that every format is made from the record, and that two runs can be compared.
fn formats(folder: &Path, run: &str, load: &Value) {
    let report = |format: &str| {
        let output = crate::support::run(folder, &["report", run, "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{format}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(&serde_json::from_str::<Value>(&report("json")).unwrap()["load"], load);
    for (format, file, wanted) in [
        ("junit", "junit.xml", "<testcase name=\"load/valid\" classname=\"load\""),
        ("markdown", "summary.md", "| response |"),
        ("html", "report.html", "<polyline"),
    ] {
        let shown = report(format);
        assert!(shown.contains(wanted), "{format}: {shown}");
        assert_eq!(fs::read_to_string(Path::new(run).join(file)).unwrap(), shown);
    }
    for (gate, status, wanted) in [
        ("response.p99 > 1.10x", 0, "gate passed: response.p99 > 1.10x: the value is 1.000x"),
        ("response.p99 >= 1.0x", 1, "GATE MISSED: response.p99 >= 1.0x"),
        ("SPUBLISH.p99 > 2x", 2, "GET, SET, node.*"),
    ] {
        let output = crate::support::run(folder, &["compare", run, run, "--fail-if", gate]);
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{shown}");
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let output = crate::support::run(folder, &["compare", run, run]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let table: Vec<&str> = shown.lines().skip_while(|line| !line.ends_with("ratio")).collect();
    assert!(table.iter().all(|line| line.len() == table[0].len()), "the table lines up:\n{shown}");
    assert!(table.iter().any(|line| line.starts_with("response p99 ") && line.ends_with("1.000")), "{shown}");
    let conform = Path::new(folder).join("conform");
    fs::create_dir(&conform).unwrap();
    let record = r#"{"schema":1,"kind":"conform","rct":"0","started":"2026-01-01T00:00:00Z","duration_s":1.0,"seed":1,
        "target":{"kind":"local","shape":null,"servers":[]},
        "counts":{"pass":0,"fail":0,"skip":0,"broken":0,"known":0,"stale":0,"flaky":0},"checks":[]}"#;
    fs::write(conform.join("run.json"), record).unwrap();
    let output = crate::support::run(folder, &["compare", run, conform.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("two of the same command"), "{}", text(&output.stderr));
}

#[test]
fn a_missed_gate_fails_the_run_and_every_report_names_it() {
    let folder = tempdir().unwrap();
    let server = server("redis-7.0");
    let arguments = [
        "load",
        "--server",
        server.to_str().unwrap(),
        "-c",
        "6",
        "-n",
        "3k",
        "-d",
        "1KB",
        "-r",
        "2k",
        "-P",
        "2",
        "-t",
        "get,set",
    ];
    let gates = ["--fail-if", "operations < 3k", "--fail-if", "response.p99 > 1us", "--fail-if", "answered < 99%"];
    let output = run(folder.path(), &[&arguments[..], &gates].concat());
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
    let shown = text(&output.stdout);
    for wanted in ["GATE MISSED: response.p99 > 1us: the value is", "gate passed: operations < 3k: the value is 3,000"]
    {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let run = folder_of_run(&folder.path().join("results"));
    let read = |file: &str| fs::read_to_string(run.join(file)).unwrap();
    let record: Value = serde_json::from_str(&read("run.json")).unwrap();
    let verdicts: Vec<&str> =
        record["gates"].as_array().unwrap().iter().map(|gate| gate["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["passed", "missed", "passed"]);
    assert_eq!((record["exit_status"].as_u64(), record["ended"].as_str()), (Some(1), Some("complete")));
    assert_eq!(record["gates"][1]["value"], record["load"]["latency_us"]["response"]["p99"]);
    let junit = read("junit.xml");
    assert!(junit.contains("<testcase name=\"load/fail-if response.p99 &gt; 1us\""), "{junit}");
    assert_eq!(junit.matches("<failure").count(), 1, "{junit}");
    assert!(read("summary.md").starts_with("# GATE MISSED: "), "{}", read("summary.md"));
    assert!(read("report.html").contains("<td>response.p99 &gt; 1us</td><td>GATE MISSED</td>"));
}

#[test]
fn the_text_of_an_error_is_reported() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("typo.toml"), "[[command]]\nsend = 'GTE {key}'\n").unwrap();
    let server = server("redis-7.0");
    let arguments = ["load", "--server", server.to_str().unwrap(), "-c", "6", "-n", "300", "--workload", "typo.toml"];
    let output = run(folder.path(), &[&arguments[..], &["-r", "2k"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    for shown in [text(&output.stdout), text(&output.stderr)] {
        assert!(shown.contains("said: ERR unknown command 'GTE'"), "{shown}");
    }
    let run = folder_of_run(&folder.path().join("results"));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert!(record["load"]["error_texts"]["ERR"].as_str().unwrap().starts_with("ERR unknown command 'GTE'"));
}

#[test]
fn an_interrupted_run_reports_what_it_measured() {
    let folder = tempdir().unwrap();
    let server = server("redis-7.0");
    let mut command = crate::support::rct(folder.path());
    command.args(["load", "--server", server.to_str().unwrap(), "--clients", "6", "--duration", "1h"]);
    let mut child = command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    // The first line with a rate shows that the servers answered operations.
    let mut lines = std::io::BufRead::lines(stderr);
    assert!(lines.any(|line| line.unwrap().contains("/s  p50")));
    signal(child.id(), "INT");
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run = folder_of_run(&folder.path().join("results"));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!((record["ended"].as_str(), record["exit_status"].as_u64()), (Some("interrupted"), Some(130)));
    assert!(record["load"]["operations"].as_u64().unwrap() > 0);
}

#[test]
fn an_impossible_run_says_what_to_change() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("wrong.toml"), "[[command]]\nsend = 'GET {kee}'\n").unwrap();
    let server = server("redis-7.0");
    let server = server.to_str().unwrap();
    for (arguments, status, wanted) in [
        (&["--mix", "NOPE:1", "--server", server][..], 2, "HGETALL"),
        (&["--workload", "wrong.toml", "--server", server], 2, "unknown placeholder {kee}"),
        (&["--duration", "5"], 2, "500ms"),
        (&["--rate", "0"], 2, "operations per second"),
        (&["--target", "redis://127.0.0.1:1/3"], 2, "rct uses only database 0"),
        (&["-n", "1.5k"], 2, "500, 20k or 1M"),
        (&["--fail-if", "lost > 0", "--server", server], 2, "the metrics are answered, failed"),
        (&["--fail-if", "response.p99 > 5", "--server", server], 2, "the unit us, ms or s"),
        (&["--clients", "2", "--server", server], 2, "use --clients 3 or more"),
        (&["--target", "127.0.0.1:1"], 3, "127.0.0.1:1"),
    ] {
        let output = run(folder.path(), &[&["load"], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}
