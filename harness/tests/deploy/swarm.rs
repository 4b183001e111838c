//! Four generators on Docker Swarm load one cluster, and their merged counts are those of the servers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::tempdir;

use crate::servers::server;
use crate::support::{Cluster, calls, text, until};

const IMAGE: &str = "rct-swarm-test";
const STACK: &str = "rct-swarm-test";
const RUN: &str = "run-1";
/// The network of the engine that connects its containers with a swarm.
const BRIDGE: &str = "docker_gwbridge";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn try_docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

fn docker(arguments: &[&str]) -> String {
    let output = try_docker(arguments);
    assert!(output.status.success(), "docker {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A swarm of this machine, with the stack. It ends when this is dropped, unless it was there before.
struct Swarm {
    was_active: bool,
    had_bridge: bool,
}

impl Swarm {
    fn begin() -> Self {
        let was_active = docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).trim() == "active";
        // The engine makes this network with a swarm, and keeps it.
        let had_bridge = try_docker(&["network", "inspect", BRIDGE]).status.success();
        if !was_active {
            docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
        }
        Self { was_active, had_bridge }
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        try_docker(&["stack", "rm", STACK]);
        let filter = format!("name={STACK}_load");
        until("the containers of the stack are gone", || {
            let left = text(&try_docker(&["ps", "--all", "--quiet", "--filter", &filter]).stdout);
            for container in left.lines() {
                try_docker(&["rm", "--force", container]);
            }
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
        if !self.was_active {
            try_docker(&["swarm", "leave", "--force"]);
        }
        if !self.had_bridge {
            try_docker(&["network", "rm", BRIDGE]);
        }
        try_docker(&["volume", "rm", &format!("{STACK}_results")]);
        try_docker(&["image", "rm", "--force", IMAGE]);
    }
}

fn deploy(target: &str) {
    let stack = repository().join("deploy/swarm/load.yaml");
    let mut command = Command::new("docker");
    command.args(["stack", "deploy", "--resolve-image", "never", "-c"]).arg(stack).arg(STACK);
    for (name, value) in [
        ("RCT_IMAGE", IMAGE),
        ("RCT_TARGET", target),
        ("RCT_RUN", RUN),
        ("RCT_CLIENTS", "8"),
        ("RCT_RATE", "2001"),
        ("RCT_DURATION", "2s"),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
#[ignore = "it makes this machine a swarm for a while"]
fn generators_of_a_swarm_start_together_and_merge_to_what_the_servers_counted() {
    if !Command::new("docker").args(["network", "ls"]).output().is_ok_and(|output| output.status.success()) {
        println!("not tested, because no container engine answers (docker network ls)");
        return;
    }
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let image =
        Command::new(repository().join("script/node-image")).args([env!("CARGO_BIN_EXE_rct"), IMAGE]).output().unwrap();
    assert!(image.status.success(), "{}", text(&image.stderr));
    let before = ["get", "set"].map(|command| calls(&cluster.addresses, command));
    let _swarm = Swarm::begin();
    deploy(&cluster.addresses[0]);
    until("all four parts have ended", || {
        let tasks = docker(&["stack", "ps", "--no-trunc", "--format", "{{.CurrentState}} {{.Error}}", STACK]);
        assert!(!tasks.contains("Failed") && !tasks.contains("Rejected"), "{tasks}");
        if tasks.lines().filter(|task| task.starts_with("Complete")).count() == 4 { Ok(()) } else { Err(tasks) }
    });
    let volume = format!("{STACK}_results:/results");
    let results = format!("/results/{RUN}");
    let merged = try_docker(&["run", "--rm", "-v", &volume, IMAGE, "merge", &results, "--format", "json"]);
    let record: Value = serde_json::from_slice(&merged.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&merged.stdout), text(&merged.stderr)));
    let (load, parts) = (&record["load"], &record["merged"]);
    assert_eq!(parts["present"].to_string(), "[1,2,3,4]", "{parts}");
    let apart_ms = parts["began_apart_ms"].as_f64().unwrap();
    assert!(apart_ms < 10.0, "the parts started {apart_ms} ms apart");
    let (planned, failed) = (load["planned"].as_u64().unwrap(), load["failed"].as_u64());
    // The last operation of a part may be planned for the last nanosecond or for the one after it.
    assert!((3_998..=4_006).contains(&planned) && failed == Some(0), "{load}");
    let counted = ["get", "set"].map(|command| calls(&cluster.addresses, command));
    for (place, command) in load["commands"].as_array().unwrap().iter().enumerate() {
        let (name, operations) = (&command["name"], command["operations"].as_u64().unwrap());
        assert_eq!(operations, counted[place] - before[place], "{name}");
    }
}
