//! A cluster by address that holds keys of others: every check leaves them, and the cluster, as they were.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use wire::Slot;

use crate::degraded_cluster::nodes_of;
use crate::servers::server;
use crate::stock::primaries;
use crate::support::{Cluster, ask, conform, rct, signal, until};

/// The keys of others. All of them are in slots with an even number.
const KEYS: usize = 20_000;
/// The commands that the test sends to a node at a time.
const AT_A_TIME: usize = 500;
/// The first TTL, in milliseconds: longer than the test takes.
const TTL_MS: u64 = 36_000_000;
/// How far the time at which a key expires may shift. MIGRATE sends the rest of the TTL, which ages on the way.
const SHIFT_MS: i64 = 2_000;
/// The least share of the checks judged on an idle cluster that must be judged on this one, in percent.
const JUDGED_PERCENT: u64 = 95;

/// The keys of the load, which are keys of others for the checks.
const LOAD_KEYS: usize = 1_000;

/// The value of a key, and when it expires, in milliseconds of Unix time; -1 if it never does.
type Contents = BTreeMap<String, (String, i64)>;

#[test]
#[ignore = "slow: 5 min, all checks on an idle cluster and on a busy one"]
fn foreign_keys_on_valkey_9_1_survive_all_checks_in_full() {
    foreign_keys_survive_all_checks("valkey-9.1");
}

#[test]
#[ignore = "slow: 5 min, all checks on an idle cluster and on a busy one"]
fn foreign_keys_on_redis_7_0_survive_all_checks_in_full() {
    foreign_keys_survive_all_checks("redis-7.0");
}

fn foreign_keys_survive_all_checks(release: &str) {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::up_with(folder.path(), &server(release), "3+1", &["--node-timeout", "1500"]);
    let idle = judged(&all_checks(folder.path(), release, &cluster));

    let keys: Vec<String> = foreign_keys();
    write(&cluster, &keys);
    let (sizes, nodes, contents) = (sizes(&cluster), nodes_of(&cluster.addresses), contents(&cluster, &keys));
    assert_eq!(contents.len(), KEYS);
    let load_keys = LOAD_KEYS.to_string();
    let load =
        ["--mix", "GET", "--keys", &load_keys, "--preload", "--rate", "300", "--clients", "8", "--duration", "2h"];
    let mut load = rct(folder.path())
        .args(["load", "--target", &cluster.addresses[0]])
        .args(load)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the load has written its keys", || {
        let now = self::sizes(&cluster);
        let added: usize = now.iter().zip(&sizes).map(|(now, before)| now.saturating_sub(*before)).sum();
        if added >= LOAD_KEYS { Ok(()) } else { Err(format!("{added} more keys")) }
    });
    let record = all_checks(folder.path(), release, &cluster);
    assert!(load.try_wait().unwrap().is_none(), "the load ended before the checks");
    signal(load.id(), "INT");
    assert_eq!(load.wait().unwrap().code(), Some(130));

    let lost = differences(&contents, &self::contents(&cluster, &keys));
    assert!(lost.is_empty(), "{} keys differ, such as {:#?}", lost.len(), &lost[..lost.len().min(5)]);
    until("CLUSTER NODES and DBSIZE are as before", || {
        let now = (self::sizes(&cluster), nodes_of(&cluster.addresses));
        if now == (sizes.clone(), nodes.clone()) { Ok(()) } else { Err(format!("{sizes:?} {nodes:#?}, now {now:#?}")) }
    });
    let busy = judged(&record);
    assert!(busy * 100 >= idle * JUDGED_PERCENT, "{busy} checks are judged, and {idle} on an idle cluster");
}

/// A check that breaks a node of Valkey 9.1 until it restarts; the second run would meet it.
const BREAKS_A_NODE: &str = "scripting/error-not-sticky";

/// Runs every check by address but one, none of which may fail unless the list of known deviations has it.
fn all_checks(folder: &Path, release: &str, cluster: &Cluster) -> Value {
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../suites/known/{release}.toml"));
    let known = known.display().to_string();
    let mut arguments = vec!["--target", &cluster.addresses[0], "--allow-disruption", "--skip", BREAKS_A_NODE];
    if Path::new(&known).is_file() {
        arguments.extend(["--known", &known]);
    }
    let (status, record) = conform(folder, &arguments);
    let checks = record["checks"].as_array().unwrap();
    let amiss = |check: &&Value| !["pass", "skip", "known", "flaky"].contains(&check["verdict"].as_str().unwrap());
    let amiss: Vec<&Value> = checks.iter().filter(amiss).collect();
    assert!(amiss.is_empty() && status == 0, "status {status}: {amiss:#?}");
    record
}

/// The number of checks with a verdict on the server.
fn judged(record: &Value) -> u64 {
    ["pass", "fail", "known", "flaky"].iter().map(|verdict| record["counts"][verdict].as_u64().unwrap()).sum()
}

fn foreign_keys() -> Vec<String> {
    let all = (0..).map(|number: u32| format!("foreign:{number}"));
    all.filter(|key| Slot::of(key).number().is_multiple_of(2)).take(KEYS).collect()
}

/// Writes the keys, each second one with a TTL of its own.
fn write(cluster: &Cluster, keys: &[String]) {
    for primary in primaries(cluster) {
        let mut written = 0;
        for (chunk, keys) in keys.chunks(AT_A_TIME).enumerate() {
            let set = |(number, key): (usize, &String)| match number % 2 {
                0 => format!("SET {key} v{number}"),
                _ => format!("SET {key} v{number} PX {}", TTL_MS + (chunk * AT_A_TIME + number) as u64),
            };
            let sets: Vec<String> = keys.iter().enumerate().map(set).collect();
            written += ask(&primary, &sets.join("\r\n")).matches("+OK").count() - 1;
        }
        assert!(written > KEYS / 4, "{primary} took {written} keys");
    }
    assert_eq!(sizes(cluster).iter().sum::<usize>(), KEYS, "keys that the checks left behind");
}

/// DBSIZE of each primary. A replica of Redis 7.0 may have more keys: it keeps those of a slot that its primary lost
/// (redis/redis#10967).
fn sizes(cluster: &Cluster) -> Vec<usize> {
    let size = |address: &String| {
        let reply = ask(address, "DBSIZE");
        reply.lines().next().and_then(|line| line.strip_prefix(':')?.parse().ok()).unwrap_or_else(|| panic!("{reply}"))
    };
    primaries(cluster).iter().map(size).collect()
}

/// What the primaries answer for the keys that they own.
fn contents(cluster: &Cluster, keys: &[String]) -> Contents {
    let mut contents = Contents::new();
    for primary in primaries(cluster) {
        for keys in keys.chunks(AT_A_TIME) {
            let reads: Vec<String> = keys.iter().map(|key| format!("GET {key}\r\nPEXPIRETIME {key}")).collect();
            let reply = ask(&primary, &reads.join("\r\n"));
            let mut lines = reply.lines();
            for key in keys {
                let value = match lines.next().unwrap() {
                    moved if moved.starts_with("-MOVED ") => None,
                    "$-1" => Some("no value"),
                    length if length.starts_with('$') => lines.next(),
                    other => panic!("{other} in reply to GET {key} from {primary}"),
                };
                let expires = lines.next().unwrap();
                if let Some(value) = value {
                    let expires = expires.strip_prefix(':').and_then(|time| time.parse().ok());
                    contents.insert(key.clone(), (value.to_owned(), expires.unwrap_or(0)));
                }
            }
        }
    }
    contents
}

/// The keys whose values differ, or that expire at another time.
fn differences(before: &Contents, now: &Contents) -> Vec<String> {
    let differs = |key: &&String| {
        let (Some((old, until)), Some((new, now_until))) = (before.get(*key), now.get(*key)) else { return true };
        let is_kept = if *until == -1 { *now_until == -1 } else { (until - now_until).abs() <= SHIFT_MS };
        old != new || !is_kept
    };
    let told = |key: &String| format!("{key}: {:?} before, {:?} now", before.get(key), now.get(key));
    before.keys().filter(differs).map(told).collect()
}
