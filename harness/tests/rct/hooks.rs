//! Fault hooks for a cluster given by address: one that works, and some that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::servers::server;
use crate::support::{Cluster, ask, conform, problems, rct, signal, until};

/// A hook for processes of the server `$SERVER` on this machine. It notes its calls in its own folder.
const HOOK: &str = r#"#!/usr/bin/env bash
set -euo pipefail
[ "$1" != offers ] || { echo kill stop restart pause resume; exit 0; }
notes=$(dirname "$0")/$2
echo "$1 $2 $(date +%s%3N)" >>"$(dirname "$0")/calls"
if [ ! -e "$notes" ]; then
  exec 3<>"/dev/tcp/${2%:*}/${2##*:}"
  printf 'INFO server\r\nQUIT\r\n' >&3
  mkdir "$notes"
  sed -n 's/^process_id:\([0-9]*\).*/\1/p' <&3 >"$notes/pid"
  readlink "/proc/$(cat "$notes/pid")/cwd" >"$notes/cwd"
fi
pid=$(cat "$notes/pid")
case $1 in
  kill) kill -KILL "$pid" ;;
  stop) kill -TERM "$pid" ;;
  pause) kill -STOP "$pid" ;;
  resume) kill -CONT "$pid" ;;
  restart)
    cd "$(cat "$notes/cwd")"
    "$SERVER" node.conf &
    echo $! >"$notes/pid"
    ;;
esac
"#;

/// Two checks that kill, restart and pause nodes.
const KILLING: [&str; 4] = ["--run", "failover/old-primary-returns-as-replica", "--run", "failover/replica-takes-over"];
/// The node timeout of the clusters.
const NODE_TIMEOUT_MS: &str = "2000";
/// The shortest time between two failovers: for two node timeouts, primaries do not vote again.
const VOTES_MS: u64 = 4_000;

/// A cluster, and the folder of its hook.
struct Scene {
    folder: tempfile::TempDir,
    cluster: Cluster,
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster =
            Cluster::up_with(folder.path(), &server("redis-7.0"), "3+1", &["--node-timeout", NODE_TIMEOUT_MS]);
        Self { folder, cluster }
    }

    /// Writes a hook and returns its path.
    fn hook(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("hook");
        let server = format!("\nSERVER='{}'\n", server("redis-7.0").display());
        write_program(&path, &text.replacen('\n', &server, 1));
        path
    }

    fn arguments<'a>(&'a self, hook: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        let own =
            ["--target", &self.cluster.addresses[0], "--allow-disruption", "--fault-hook", hook.to_str().unwrap()];
        [&own[..], more].concat()
    }

    fn conform(&self, hook: &str, more: &[&str]) -> (i32, Value) {
        let hook = self.hook(hook);
        conform(self.folder.path(), &self.arguments(&hook, more))
    }

    /// The role and the primary of each node, as every node sees them.
    fn roles(&self) -> Vec<String> {
        let roles = |address: &String| {
            let view = ask(address, "CLUSTER NODES");
            let mut lines: Vec<String> = view
                .lines()
                .filter(|line| line.contains("connected"))
                .map(|line| {
                    let words: Vec<&str> = line.split(' ').collect();
                    format!("{} {} {}", words[0], words[2].replace("myself,", ""), words[3])
                })
                .collect();
            lines.sort();
            lines.join("\n")
        };
        self.cluster.addresses.iter().map(roles).collect()
    }

    /// Waits until all nodes see the same roles as before.
    fn assert_roles(&self, before: &[String]) {
        until("all roles are as before", || {
            let now = self.roles();
            if now == before { Ok(()) } else { Err(format!("{now:#?} instead of {before:#?}")) }
        });
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn reason_of(record: &Value) -> String {
    record["checks"][0]["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn checks_that_kill_nodes_pass_with_a_hook_and_restore_the_cluster() {
    let scene = Scene::set();
    let before = scene.roles();
    let (status, record) = scene.conform(HOOK, &KILLING);
    assert_eq!((status, problems(&record).len()), (0, 0), "{record:#}");
    assert_eq!(record["counts"]["pass"], 2, "{record:#}");
    let calls = fs::read_to_string(scene.folder.path().join("calls")).unwrap();
    for act in ["kill", "restart", "pause", "resume"] {
        assert!(calls.contains(&format!("{act} 127.0.0.1:")), "{act}: {calls}");
    }
    let noted: Vec<(&str, u64)> =
        calls.lines().filter_map(|call| call.rsplit_once(' ')).map(|(call, at)| (call, at.parse().unwrap())).collect();
    let second_kill = noted.iter().rposition(|(call, _)| call.starts_with("kill ")).unwrap();
    let pause = noted[second_kill].1 - noted[second_kill - 1].1;
    assert!(pause >= VOTES_MS, "only {pause} ms after a failover: {calls}");
    scene.assert_roles(&before);
}

#[test]
fn a_check_is_skipped_if_the_hook_does_not_offer_its_fault() {
    let scene = Scene::set();
    let hook = "#!/bin/sh\necho pause resume\n";
    let (status, record) = scene.conform(hook, &["--run", "failover/replica-takes-over"]);
    assert_eq!((status, record["counts"]["skip"].as_i64()), (4, Some(1)));
    assert_eq!(reason_of(&record), "this target cannot kill a node");
}

#[test]
fn a_check_is_broken_if_the_hook_fails_or_has_no_effect() {
    let scene = Scene::set();
    for (does, reasons) in [
        ("echo may not >&2; exit 7", &["the fault hook failed to kill 127.0.0.1:", "exit status: 7", "may not"][..]),
        ("true", &["still answers", "after the fault hook reported that it ended the node"]),
    ] {
        let hook = format!("#!/bin/sh\ncase $1 in offers) echo kill restart ;; restart) ;; *) {does} ;; esac\n");
        let (status, record) = scene.conform(&hook, &["--run", "failover/clients-see-no-wrong-value"]);
        assert_eq!((status, record["counts"]["broken"].as_i64()), (3, Some(1)), "{record:#}");
        let reason = reason_of(&record);
        assert!(reasons.iter().all(|part| reason.contains(part)), "{reason}");
    }
}

#[test]
fn killed_nodes_are_restarted_after_ctrl_c() {
    let scene = Scene::set();
    let before = scene.roles();
    let hook = scene.hook(HOOK);
    let arguments = scene.arguments(&hook, &KILLING);
    let mut child = rct(scene.folder.path())
        .arg("conform")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let calls = scene.folder.path().join("calls");
    until("a node is killed", || match fs::read_to_string(&calls) {
        Ok(calls) if calls.contains("kill ") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    scene.assert_roles(&before);
}

#[test]
#[ignore = "slow: 2 min, each event of a load run that a cluster given by address can take"]
fn events_of_a_load_run_have_their_effect_and_are_undone() {
    let scene = Scene::set();
    let before = scene.roles();
    let hook = scene.hook(HOOK);
    for (fault, seconds) in [
        ("kill primary @500ms", "9s"),
        ("pause replica 1s @500ms", "3s"),
        ("restart primary @500ms", "4s"),
        ("stop shard 2 500ms @500ms", "6s"),
        ("failover @500ms", "3s"),
        ("move 20 slots @500ms", "3s"),
        ("remove node @500ms", "30s"),
        ("rolling-restart @500ms", "30s"),
    ] {
        let load = ["--rate", "200", "--clients", "12", "--keys", "500", "--duration", seconds, "--fault", fault];
        let arguments = scene.arguments(&hook, &load);
        let output = rct(scene.folder.path()).args(["load", "--format", "json"]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{fault}: {said}");
        let record: Value = serde_json::from_slice(&output.stdout).unwrap();
        let event = &record["events"][0];
        assert!(event["problem"].is_null() && event["ended_s"].is_number(), "{fault}: {event:#}");
        assert_eq!(record["load"]["outages"].as_array().map(Vec::len), Some(6), "{fault}");
        scene.assert_roles(&before);
    }
}
