//! `rct conform` on real servers: the verdicts, a cluster given by address, and a node that dies.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::servers::server;
use crate::support::{Cluster, ask, conform, evidence, problems, text, until};

/// Runs all checks on a server; returns the exit status, the record, and the checks with problems.
fn all_checks_on(server: &Path, known: &[&str]) -> (i32, Value, BTreeMap<String, Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let server = ["--server", server.to_str().unwrap()];
    let (status, record) = conform(folder.path(), &[&server, known].concat());
    let found = problems(&record);
    (status, record, found)
}

/// Requires that every check passes, except those of the list of known deviations.
fn no_deviation_on(server: &Path, version: &str, known: Option<&str>) {
    let known = known.map(|list| Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/known").join(list));
    let options: Vec<&str> = known.iter().flat_map(|list| ["--known", list.to_str().unwrap()]).collect();
    let (status, record, found) = all_checks_on(server, &options);
    let expected: Vec<&str> = known.iter().map(|_| "known").collect();
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{}", evidence(&record));
    assert_eq!(status, 0);
    assert_eq!(record["target"]["servers"][0]["version"], version);
    assert!(record["counts"]["pass"].as_u64().unwrap() > 300, "{}", record["counts"]);
}

#[test]
fn redis_7_0_fails_exactly_its_known_checks() {
    no_deviation_on(&server("redis-7.0"), "7.0.15", Some("redis-7.0.toml"));
}

#[test]
fn redis_6_2_keeps_every_rule() {
    no_deviation_on(&server("redis-6.2"), "6.2.14", None);
}

#[test]
fn valkey_9_1_fails_exactly_its_known_checks() {
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/known/valkey-9.1.toml");
    let (status, record, found) = all_checks_on(&server("valkey-9.1"), &["--known", known.to_str().unwrap()]);
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["known"], "{}", evidence(&record));
    assert_eq!(status, 0);
    let folder = tempfile::tempdir().unwrap();
    let server = server("valkey-9.1");
    let patterns = found["known"].iter().flat_map(|id| ["--run", id]);
    let arguments: Vec<&str> = ["--server", server.to_str().unwrap()].into_iter().chain(patterns).collect();
    let (status, record) = conform(folder.path(), &arguments);
    assert_eq!(problems(&record), [("fail".to_owned(), found["known"].clone())].into());
    assert_eq!(status, 1);
}

/// The state of all nodes, except what changes by itself.
fn state_of(cluster: &Cluster) -> Vec<(Vec<String>, [String; 3])> {
    // Leaves out the times of the last ping and pong.
    let stable = |line: &str| {
        let words = line.split(' ').enumerate().filter(|(index, _)| ![4, 5].contains(index));
        words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    };
    let nodes = cluster.addresses.iter().map(|address| {
        // Leaves out the length of the reply, which changes with these times.
        let view = ask(address, "CLUSTER NODES");
        let mut lines: Vec<String> = view.lines().filter(|line| line.contains(' ')).map(stable).collect();
        lines.sort();
        (lines, ["DBSIZE", "CONFIG GET *", "ACL LIST"].map(|command| ask(address, command)))
    });
    nodes.collect()
}

#[test]
fn a_cluster_given_by_address_is_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+1");
    ask(&cluster.addresses[0], "SET mine 1");
    let before = state_of(&cluster);
    let (status, record) = conform(folder.path(), &["--target", &cluster.addresses[0]]);
    assert_eq!((status, problems(&record)), (0, [].into()));
    assert_eq!(state_of(&cluster), before);
    let skipped = record["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "skip");
    let reasons: Vec<&str> = skipped.map(|check| check["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("--allow-disruption")), "{reasons:?}");
}

#[test]
fn redirects_may_name_nodes_as_the_preferred_endpoint_type_says() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+1");
    let set = |setting: &str| {
        for address in &cluster.addresses {
            assert_eq!(ask(address, &format!("CONFIG SET {setting}")), "+OK\r\n+OK\r\n");
        }
    };
    set("cluster-announce-hostname localhost");
    until("every node knows the host names", || {
        let named = |address: &String| ask(address, "CLUSTER NODES").matches(",localhost").count();
        let counts: Vec<usize> = cluster.addresses.iter().map(named).collect();
        if counts == [6; 6] { Ok(()) } else { Err(format!("{counts:?}")) }
    });
    for (kind, named) in [("hostname", "localhost:"), ("unknown-endpoint", ":")] {
        set(&format!("cluster-preferred-endpoint-type {kind}"));
        let before = state_of(&cluster);
        let (status, record) = conform(folder.path(), &["--target", &cluster.addresses[0], "--level", "may"]);
        assert_eq!((status, problems(&record)), (0, [].into()), "{kind}");
        assert_eq!(state_of(&cluster), before);
        // Two of the three primaries do not own the slot of `a`.
        let redirects: Vec<String> = cluster.addresses[..3].iter().map(|address| ask(address, "GET a")).collect();
        let words = format!("-MOVED 15495 {named}");
        assert_eq!(redirects.iter().filter(|reply| reply.starts_with(&words)).count(), 2, "{redirects:?}");
    }
}

#[test]
fn a_node_that_dies_makes_its_check_broken_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("deadly.toml");
    let text = "suite = \"deadly\"\n[[check]]\nid = \"ends-its-node\"\ntitle = \"A node ends\"\nlevel = \"must\"\nspec = \"SHUTDOWN\"\n\
                steps = [{ send = { command = \"SHUTDOWN NOSAVE\", to = \"owner\", expect = \"ok\" } }]\n";
    std::fs::write(&suite, text).unwrap();
    let server = server("redis-7.0");
    let arguments = [
        "--server",
        server.to_str().unwrap(),
        "--suite",
        suite.to_str().unwrap(),
        "--run",
        "deadly/*",
        "--run",
        "slots/*",
    ];
    let (status, record) = conform(folder.path(), &arguments);
    assert_eq!(problems(&record), [("broken".to_owned(), vec!["deadly/ends-its-node".to_owned()])].into());
    let broken = record["checks"].as_array().unwrap().iter().find(|check| check["verdict"] == "broken").unwrap();
    let reason = broken["reason"].as_str().unwrap();
    assert!(reason.contains("its process has ended") && reason.contains("log"), "{reason}");
    assert_eq!(status, 3);
}

#[test]
fn a_failing_check_shows_its_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("wrong.toml");
    let check = "suite = \"wrong\"\n[[check]]\nid = \"expects-a-miss\"\ntitle = \"A key is not there\"\nlevel = \"must\"\nspec = \"GET\"\n\
                 steps = [\n  { send = { command = \"SET {key} v\", to = \"owner\", expect = \"ok\" } },\n  \
                 { send = { command = \"GET {key}\", to = \"non-owner\", expect = \"null\" } },\n]\n";
    std::fs::write(&suite, check).unwrap();
    let server = server("redis-7.0");
    let output = crate::support::run(
        folder.path(),
        &[
            "conform",
            "--server",
            server.to_str().unwrap(),
            "--suite",
            suite.to_str().unwrap(),
            "--run",
            "wrong/*",
            "--out",
            "out",
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
    let printed = text(&output.stdout);
    for part in ["FAIL", "wrong/expects-a-miss", "step 2 of 2", "expected", "null", "error MOVED", "(does not own slot"]
    {
        assert!(printed.contains(part), "{part:?} is not in:\n{printed}");
    }
    let run = std::fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
    for file in ["run.json", "junit.xml", "summary.md", "report.html", "transcripts/wrong.expects-a-miss.txt"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    let transcript = std::fs::read_to_string(run.join("transcripts/wrong.expects-a-miss.txt")).unwrap();
    assert!(transcript.contains("redis-cli -h 127.0.0.1 -p") && transcript.contains("MOVED"), "{transcript}");
}
