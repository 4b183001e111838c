//! `rct load --part` and `rct merge`: several generators make one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::tempdir;

use crate::servers::server;
use crate::support::{Cluster, PATIENCE, ask, calls, rct, refuses, run, schema, text};

/// The record of a run in a folder.
fn record(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap()
}

/// Starts generator `number` of `parts`, whose results go to a folder of its own.
fn start(folder: &Path, target: &str, number: usize, parts: usize, more: &[&str]) -> Child {
    let (part, out) = (format!("{number}/{parts}"), format!("part-{number}"));
    let mut command = rct(folder);
    command.args(["load", "--target", target, "--seed", "7", "--quiet", "--part", &part, "--out", &out]).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs all generators at a time, and returns their folders.
fn load(folder: &Path, target: &str, parts: usize, more: &[&str]) -> Vec<PathBuf> {
    ended(folder, (1..=parts).map(|number| start(folder, target, number, parts, more)).collect(), 0)
}

/// Waits for the generators, which must end with this status, and returns their folders.
fn ended(folder: &Path, children: Vec<Child>, status: i32) -> Vec<PathBuf> {
    let parts = children.len();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
    }
    let only = |number| fs::read_dir(folder.join(format!("part-{number}"))).unwrap().next().unwrap().unwrap().path();
    (1..=parts).map(only).collect()
}

/// Merges runs, and returns the exit status, the record and what went to stderr.
fn merge(folder: &Path, runs: &[&PathBuf], more: &[&str]) -> (Option<i32>, Value, String) {
    let runs = runs.iter().map(|run| run.as_os_str());
    let output = rct(folder).args(["merge", "--format", "json"]).args(runs).args(more).output().unwrap();
    let message = text(&output.stderr);
    let record: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {message}"));
    assert_eq!(schema::mistakes("run", &record), "");
    (output.status.code(), record, message)
}

#[test]
fn generators_share_the_operations_and_merge_to_one_run() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let before = calls(&cluster.addresses, "get");
    let options = ["--mix", "GET", "--clients", "31", "--requests", "3001", "--keys", "1000", "--rendezvous", "test"];
    let runs = load(folder.path(), &cluster.addresses[0], 3, &options);
    assert_eq!(calls(&cluster.addresses, "get") - before, 3_001);
    let parts: Vec<Value> = runs.iter().map(|run| record(run)).collect();
    let of_parts = |field: &str| parts.iter().map(|part| part["load"][field].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((of_parts("operations"), of_parts("clients")), (vec![1_001, 1_000, 1_000], vec![11, 10, 10]));
    let part = &parts[1]["part"];
    assert_eq!(
        (part["number"].as_u64(), part["parts"].as_u64(), parts[1]["seed"].as_u64()),
        (Some(2), Some(3), Some(7))
    );
    assert_eq!(part["plan"]["--requests"], "3001");

    let (status, merged, message) = merge(folder.path(), &[&runs[2], &runs[0], &runs[1]], &["--out", "merged"]);
    assert_eq!((status, &*message), (Some(0), ""));
    let load = &merged["load"];
    assert_eq!((load["operations"].as_u64(), load["clients"].as_u64()), (Some(3_001), Some(31)));
    assert_eq!(load["latency_us"]["response"]["count"], 3_001);
    let longest = parts.iter().map(|part| part["load"]["latency_us"]["response"]["max"].as_f64().unwrap());
    assert_eq!(load["latency_us"]["response"]["max"].as_f64(), longest.reduce(f64::max));
    assert!(load["nodes"].as_array().unwrap().iter().all(|node| node["role"] == "primary"), "{}", load["nodes"]);
    assert_eq!(merged["merged"]["present"].as_array().unwrap().len(), 3);
    let folder_of_merged = fs::read_dir(folder.path().join("merged")).unwrap().next().unwrap().unwrap().path();
    let slots = fs::read_to_string(folder_of_merged.join("slots.csv")).unwrap();
    let by_slot = slots.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u64>().unwrap());
    assert_eq!(by_slot.sum::<u64>(), 3_001);
    let log = fs::read_to_string(folder_of_merged.join("latency.hlog")).unwrap();
    assert!(log.contains("Tag=response.GET.127.0.0.1:"), "{log}");
    let report = run(folder.path(), &["report", folder_of_merged.to_str().unwrap()]);
    assert!(text(&report.stdout).contains("3 of 3 parts"), "{}", text(&report.stdout));
    incomplete(folder.path(), &runs);
}

/// A merge that lacks a part, or has too much, is not valid and says why.
fn incomplete(folder: &Path, runs: &[PathBuf]) {
    let gate = ["--fail-if", "response.p99 > 1000s"];
    let (status, merged, message) = merge(folder, &[&runs[0], &runs[2], &runs[2]], &gate);
    assert_eq!(status, Some(3), "{message}");
    assert!(message.contains("part 2 of 3 is missing; name the folder of that run too"), "{message}");
    assert!(message.contains("are both part 3; leave one of them out"), "{message}");
    assert_eq!((merged["load"]["valid"].as_bool(), merged["load"]["operations"].as_u64()), (Some(false), Some(2_001)));
    assert_eq!(merged["gates"][0]["verdict"], "not_judged");
    fs::write(runs[1].join("part.jsonl.gz"), "").unwrap();
    let (status, merged, _) = merge(folder, &[&runs[0], &runs[1], &runs[2]], &[]);
    let because = merged["load"]["invalid_because"].to_string();
    assert!(status == Some(3) && because.contains("cannot read part.jsonl.gz of part 2"), "{because}");
    let other = record(&runs[1]).to_string().replace("\"seed\":7", "\"seed\":8");
    fs::write(runs[1].join("run.json"), other).unwrap();
    let (status, _, message) = merge(folder, &[&runs[0], &runs[1], &runs[2]], &[]);
    assert!(status == Some(3) && message.contains("belongs to another run: its seed is 8, and not 7"), "{message}");
    let mut lonely = record(&runs[0]);
    lonely.as_object_mut().unwrap().remove("part");
    fs::write(runs[0].join("run.json"), lonely.to_string()).unwrap();
    let arguments = ["merge", runs[0].to_str().unwrap()];
    refuses(folder, &arguments, 2, &["none of these runs is a part of a run; rct load --part K/N makes parts"]);
}

#[test]
fn generators_meet_at_the_cluster_or_say_who_is_missing() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let (target, path) = (&cluster.addresses[0], folder.path());
    let meet = ["--rendezvous", "meet", "--duration", "300ms", "--keys", "100", "--preload", "--clients", "10"];
    let runs = load(path, target, 3, &[&meet[..], &["--mix", "SET", "--verify"]].concat());
    let began: Vec<i64> = runs.iter().map(|run| began_us(run)).collect();
    let apart_us = began.iter().max().unwrap() - began.iter().min().unwrap();
    assert!(apart_us < 10_000, "the parts started {apart_us} us apart");
    let (_, merged, _) = merge(path, &runs.iter().collect::<Vec<_>>(), &[]);
    let verify = &merged["load"]["verify"];
    assert_eq!((verify["lost"].as_u64(), verify["read_back"]["keys"].as_u64()), (Some(0), Some(100)), "{verify}");
    let left: Vec<String> = cluster.addresses.iter().map(|node| ask(node, "DBSIZE")).collect();
    assert!(left.iter().all(|size| size.starts_with(":0")), "keys are left: {left:?}");

    let lonely = [&["--rendezvous-limit", "300ms"], &meet[..]].concat();
    let output = start(path, target, 2, 3, &lonely).wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("parts 1, 3 of 3 did not come within 300ms; start all parts"), "{message}");
    let patient = [&["--rendezvous-limit", "2s"], &meet[..]].concat();
    let twice: Vec<Child> = (0..2).map(|_| start(path, target, 2, 3, &patient)).collect();
    let outputs: Vec<_> = twice.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let said = outputs.iter().map(|output| text(&output.stderr)).collect::<String>();
    assert!(said.contains("another generator already is part 2/3 of this rendezvous"), "{said}");
    let other = start(path, target, 1, 3, &[&patient[..], &["--timeout", "4s"]].concat());
    let third = start(path, target, 3, 3, &patient);
    let outputs = [other, third].map(|child| child.wait_with_output().unwrap());
    let said = outputs.iter().map(|output| text(&output.stderr)).collect::<String>();
    assert!(said.contains("has another plan: its --timeout is"), "{said}");
    let late = ["load", "--target", target, "--start-at", "1700000000", "--duration", "100ms"];
    refuses(path, &late, 3, &["after --start-at; choose a later time"]);
    let left: Vec<String> = cluster.addresses.iter().map(|node| ask(node, "DBSIZE")).collect();
    assert!(left.iter().all(|size| size.starts_with(":0")), "keys are left: {left:?}");
}

#[test]
fn results_meet_in_the_cluster_and_go_with_the_merge() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let (target, path) = (&cluster.addresses[0], folder.path());
    let options = ["--mix", "GET", "--requests", "1001", "--clients", "10", "--keys", "100", "--rendezvous", "kept"];
    let runs = load(path, target, 3, &[&options[..], &["--results-in-cluster"]].concat());
    runs.iter().for_each(|run| fs::remove_dir_all(run).unwrap());
    let output = run(path, &["merge", "--format", "json", "--from", target, "kept"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let merged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(merged["load"]["operations"], 1_001);
    let left: Vec<String> = cluster.addresses.iter().map(|node| ask(node, "DBSIZE")).collect();
    assert!(left.iter().all(|size| size.starts_with(":0")), "keys are left: {left:?}");
    refuses(path, &["merge", "--from", target, "kept"], 4, &["has no results of a run called \"kept\""]);
}

#[test]
fn a_merge_tells_which_event_cost_the_writes_of_all_parts() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+1");
    let (nodes, path) = (&cluster.addresses, folder.path());
    let load = ["--mix", "GET:1,SET:1", "--keys", "600", "--clients", "12", "--rate", "200", "--duration", "4s"];
    let events = ["--verify", "--allow-disruption", "--fault", "failover shard 1 @500ms", "--rendezvous", "lossy"];
    let options = [&load[..], &events].concat();
    let children = (1..=2).map(|number| start(path, &nodes[0], number, 2, &options)).collect();
    let began = Instant::now();
    while !ask(&nodes[3], "ROLE").contains("master") {
        assert!(began.elapsed() < PATIENCE, "the replica of shard 1 is not promoted");
    }
    // Every shard loses keys, but the event aimed at one of them.
    let script = "for _, key in ipairs(redis.call('KEYS', '*key:*')) do redis.call('DEL', key) end";
    nodes.iter().for_each(|node| drop(ask(node, &format!("EVAL \"{script}\" 0"))));
    // Lost writes fail each run, and the merged one.
    let runs = ended(path, children, 1);
    let (status, merged, message) = merge(path, &[&runs[0], &runs[1]], &[]);
    assert_eq!(status, Some(1), "{message}");
    let verify = &merged["load"]["verify"];
    let losses = verify["read_back"]["lost_by_event"].as_array().unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(losses.iter().map(|loss| number(&loss["lost"])).sum::<u64>(), number(&verify["lost"]));
    let found: Vec<_> = losses.iter().map(|loss| (loss["shard"].as_u64(), loss["event"].as_u64())).collect();
    assert_eq!(found, [(Some(1), Some(1)), (Some(2), None), (Some(3), None)]);
    // One generator alone knows the event, but both lost keys of its shard.
    let of_part = |run: &Path| number(&record(run)["load"]["verify"]["lost"]);
    assert!(of_part(&runs[0]) > 0 && of_part(&runs[1]) > 0, "{losses:?}");
}

/// When the load of a part began, in microseconds since 1970.
fn began_us(run: &Path) -> i64 {
    let began = record(run)["part"]["load_began"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    began.as_microsecond()
}
