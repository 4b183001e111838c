//! `rct load` as users and scripts call it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::junit_schema;
use crate::servers::server;
use crate::support::{Cluster, ask, refuses, run, schema, signal, text};

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
    assert_eq!(schema::mistakes("run", &record), "");
    let document = fs::read_to_string(run.join("junit.xml")).unwrap();
    assert!(junit_schema::mistakes(&document).is_empty(), "{:#?}", junit_schema::mistakes(&document));
    let server = &record["target"]["servers"][0];
    assert!(server["allocator"].is_string() && server["settings"]["cluster-node-timeout"].is_string(), "{server}");
    assert!(record["host"]["cores"].as_u64() >= Some(1), "{}", record["host"]);
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
        ("html", "report.html", "<svg"),
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
    assert!(read("report.html").contains("<code>response.p99 &gt; 1us</code></th><td><span class=\"badge fail\">"));
}

#[test]
fn a_gate_on_a_run_that_is_not_valid_gives_status_3() {
    let folder = tempdir().unwrap();
    let server = server("redis-7.0");
    // No machine plans this many operations in time.
    let load = ["--rate", "20M", "--duration", "50ms", "--timeout", "200ms", "-c", "6", "--verify"];
    let gates = ["--fail-if", "response.p99 > 3600s", "--fail-if", "lost > 0"];
    let output = run(folder.path(), &[&["load", "--server", server.to_str().unwrap()], &load[..], &gates].concat());
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}{}", text(&output.stderr));
    assert!(shown.contains("GATE NOT JUDGED: response.p99 > 3600s: the run is not valid: the generator"), "{shown}");
    assert!(shown.contains("gate passed: lost > 0: the value is 0"), "{shown}");
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
fn a_wrong_command_stops_the_run_early() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("typo.toml"), "[[command]]\nsend = 'GTE {key}'\n").unwrap();
    let server = server("redis-7.0");
    let arguments = ["load", "--standalone", "--server", server.to_str().unwrap(), "--workload", "typo.toml"];
    let output = run(folder.path(), &[&arguments[..], &["-c", "2", "--duration", "1h"]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for wanted in ["no operation got a good reply in the first 3 s, so rct stopped", "ERR unknown command 'GTE'"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let run = folder_of_run(&folder.path().join("results"));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!((record["target"]["shape"].as_str(), record["ended"].as_str()), (Some("standalone"), Some("lost")));
    assert!((3.0..60.0).contains(&record["load"]["stopped_after_s"].as_f64().unwrap()));
}

#[test]
fn a_standalone_server_is_loaded_by_its_address_and_left_without_keys() {
    let folder = tempdir().unwrap();
    let alone = Cluster::up(folder.path(), &server("redis-7.0"), "standalone");
    let address = &alone.addresses[0];
    let arguments = ["load", "--target", address, "-c", "3", "-n", "2k", "-r", "100", "-t", "GET,SET"];
    let output = run(folder.path(), &[&arguments[..], &["--read-from", "replica", "--preload"]].concat());
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    for wanted in ["address standalone, GET,SET, 3 clients", "no errors, no redirects", "100.0 % of reads"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let run = folder_of_run(&folder.path().join("results"));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["load"]["operations"], 2_000);
    assert!(ask(address, "DBSIZE").starts_with(":0"), "{}", ask(address, "DBSIZE"));
    let twice = format!("{address},{address}");
    refuses(folder.path(), &["load", "--target", &twice], 2, &["must be the only one"]);
    assert!(ask(address, "CONFIG SET proto-max-bulk-len 1mb").starts_with("+OK"));
    refuses(folder.path(), &["load", "--target", address, "-d", "2MB"], 2, &["at most 1048576 bytes"]);
    refuses(folder.path(), &["conform", "--target", address], 3, &["it runs without cluster support"]);
}

#[test]
fn one_client_reaches_every_node_with_and_without_a_slot_map() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    for (routing, redirects) in [("slots", 0..=0), ("redirect", 1_500..=2_500)] {
        let arguments = ["load", "--target", &cluster.addresses[0], "--format", "json", "-c", "1", "-n", "3000"];
        let output = run(folder.path(), &[&arguments[..], &["--routing", routing, "-r", "1000"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let load = &serde_json::from_slice::<Value>(&output.stdout).unwrap()["load"];
        assert_eq!((load["operations"].as_u64(), load["clients"].as_u64()), (Some(3_000), Some(1)));
        assert_eq!(load["connections"], 4, "one to each node, and a spare one");
        let nodes = load["nodes"].as_array().unwrap();
        assert!(nodes.len() == 3 && nodes.iter().all(|node| node["operations"].as_u64().unwrap() > 500), "{nodes:?}");
        // Two of three random nodes are wrong.
        let moved = load["outcomes"]["moved"].as_u64().unwrap();
        assert!(redirects.contains(&moved), "{routing}: {moved}");
        assert_eq!(load["error_texts"]["MOVED"].is_string(), moved > 0);
    }
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
        (&["--fail-if", "losses > 0", "--server", server], 2, "the metrics are answered, failed"),
        (&["--fail-if", "lost > 0", "--server", server], 2, "rct measures lost only with --verify"),
        (&["--verify", "-d", "33", "--server", server], 2, "--verify needs values of at least 34 bytes"),
        (&["--verify", "-t", "get,incr", "--server", server], 2, "rct cannot follow INCR"),
        (&["--fail-if", "response.p99 > 5", "--server", server], 2, "the unit us, ms or s"),
        (&["--clients", "2", "--threads", "3", "--server", server], 2, "use --threads 2 or fewer"),
        (&["--value-size", "513MB", "--clients", "1", "--server", server], 2, "none above 536870912"),
        (&["--standalone", "--shape", "3+0"], 2, "--shape"),
        (&["--standalone", "--target", "127.0.0.1:1"], 2, "--standalone starts a server"),
        (&["--target", "127.0.0.1:1"], 3, "127.0.0.1:1"),
    ] {
        let output = run(folder.path(), &[&["load"], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}
