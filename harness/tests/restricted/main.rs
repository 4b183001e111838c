//! `rct conform` on clusters by address whose operators restricted the user or took commands away.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
#[path = "../support/servers.rs"]
mod servers;

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cluster::Cluster;

/// Suites that touch keys, channels, scripts, transactions and errors, and take few seconds together.
const SUITES: [&str; 5] = ["redirect", "crossslot", "errors", "scripting", "transactions"];

/// The rights that docs/targets.md names for a run that changes nothing but its own keys.
const GOAL: (&str, &str) = ("goal", "~rct:* &rct:* +@all -@dangerous -@admin");

/// The commands that an operator may have taken away.
const RENAMED: [&str; 5] = ["COMMAND", "CONFIG", "CLIENT", "DEBUG", "INFO"];

/// A finished run of `rct conform`.
struct Run {
    status: i32,
    record: Value,
    messages: String,
}

/// Runs the suites against a cluster, as a user if one is named; each run has a folder of its own.
fn conform(cluster: &Cluster, user: Option<&str>, selection: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rct"));
    command.current_dir(folder.path()).stdin(Stdio::null()).env_remove("RCT_TARGET");
    command.env_remove("RCT_USERNAME").env_remove("RCT_PASSWORD");
    if let Some(user) = user {
        command.env("RCT_USERNAME", user).env("RCT_PASSWORD", cluster::PASSWORD);
    }
    command.args(["conform", "--format", "json", "--target", &cluster.address()]);
    command.args(selection.iter().flat_map(|pattern| ["--run", pattern]));
    let output = command.output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    let record = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {messages}"));
    Run { status: output.status.code().unwrap(), record, messages }
}

impl Run {
    fn checks(&self) -> &[Value] {
        self.record["checks"].as_array().unwrap()
    }

    fn count(&self, verdict: &str) -> usize {
        self.checks().iter().filter(|check| check["verdict"] == verdict).count()
    }

    fn is_skipped_because(&self, reason: &str) -> bool {
        self.checks().iter().any(|check| check["verdict"] == "skip" && check["reason"].as_str() == Some(reason))
    }

    /// Requires status 0, and that no check failed or broke while at least `passed` passed.
    #[track_caller]
    fn assert_clean(&self, passed: usize) {
        let amiss: Vec<&Value> =
            self.checks().iter().filter(|check| check["verdict"] != "pass" && check["verdict"] != "skip").collect();
        assert!(amiss.is_empty(), "{amiss:#?}");
        assert_eq!(self.status, 0, "{}", self.messages);
        assert!(self.count("pass") >= passed, "{} passed, {} skipped", self.count("pass"), self.count("skip"));
    }
}

#[test]
fn case_b1_b6_commands_are_renamed_away() {
    let cluster = Cluster::up(&RENAMED, &[]);
    let run = conform(&cluster, None, &SUITES);
    run.assert_clean(90);
    assert_eq!(run.messages.matches("this server answers COMMAND with").count(), 1, "{}", run.messages);
}

#[test]
fn case_b2_to_b5_users_with_less_than_all_rights() {
    let users = [
        ("b2", "~* &* +@all -ping"),
        ("b3", "~* &* +@all -@scripting"),
        ("b4", "~* &* +@all -@admin -@dangerous +info"),
        ("b5", "~rct:* &rct:* +@all"),
        GOAL,
    ];
    let cluster = Cluster::up(&[], &users);

    let no_ping = conform(&cluster, Some("b2"), &SUITES);
    no_ping.assert_clean(90);
    assert!(no_ping.is_skipped_because("this user may not run PING"));

    let no_scripts = conform(&cluster, Some("b3"), &SUITES);
    no_scripts.assert_clean(80);
    assert!(no_scripts.is_skipped_because("this user may not run EVAL"));

    let no_admin = conform(&cluster, Some("b4"), &SUITES);
    no_admin.assert_clean(90);
    assert!(no_admin.is_skipped_because("this user may not run SORT"));

    conform(&cluster, Some("b5"), &SUITES).assert_clean(100);
    conform(&cluster, Some("goal"), &SUITES).assert_clean(90);
}

/// Runs `rct conform` against a node as the user of [`GOAL`]; returns the status and the messages.
fn conform_as_goal(cluster: &Cluster) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rct"));
    command.current_dir(folder.path()).stdin(Stdio::null());
    command.env("RCT_USERNAME", GOAL.0).env("RCT_PASSWORD", cluster::PASSWORD);
    let output = command.args(["conform", "--target", &cluster.address()]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn redis_6_2_is_told_the_acl_line_that_it_needs() {
    let rules = format!("resetchannels {}", GOAL.1);
    let node = Cluster::start("redis-6.2", 1, &[], &[(GOAL.0, &rules)]);
    let (status, messages) = conform_as_goal(&node);
    assert_eq!(status, Some(3), "{messages}");
    assert!(messages.contains("the user goal may not ask 127.0.0.1:"), "{messages}");
    assert!(messages.ends_with("\nrun this on every node: ACL SETUSER goal +cluster\n"), "{messages}");
    // The line is enough: what is missing then is a cluster.
    node.send_to(0, "ACL SETUSER goal +cluster");
    let (status, messages) = conform_as_goal(&node);
    assert_eq!(status, Some(3), "{messages}");
    assert!(messages.contains("serves no slot"), "{messages}");
}

#[test]
#[ignore = "slow: runs all checks twice"]
fn all_checks_keep_to_few_rights_and_few_commands() {
    let cluster = Cluster::up_with_replicas(&[], &[GOAL]);
    conform(&cluster, Some(GOAL.0), &[]).assert_clean(200);
    drop(cluster);
    conform(&Cluster::up_with_replicas(&RENAMED, &[]), None, &[]).assert_clean(200);
}

#[test]
fn case_b4_all_rights_make_a_refusal_a_failure() {
    // The user has all rights where rct asks for them, and fewer on the other node: so that node must be at fault. rct asks
    // the node that CLUSTER NODES lists first, and servers list nodes in no order, so each node is the other one once.
    let cluster = Cluster::up(&[], &[("all", "~* &* +@all")]);
    // Several commands, because chance decides which node a check asks.
    let refused = [
        "mget",
        "mset",
        "msetnx",
        "touch",
        "sinter",
        "sinterstore",
        "sunion",
        "sunionstore",
        "sdiff",
        "sdiffstore",
        "pfcount",
        "pfmerge",
        "zunionstore",
        "zinterstore",
        "bitop",
        "rename",
        "renamenx",
        "smove",
        "rpoplpush",
    ];
    let failed = (0..cluster.count()).filter(|node| {
        cluster.send_to(*node, &format!("ACL SETUSER all -{}", refused.join(" -")));
        let run = conform(&cluster, Some("all"), &["crossslot"]);
        cluster.send_to(*node, "ACL SETUSER all +@all");
        assert_eq!(run.status == 1, run.count("fail") > 0, "{}", run.messages);
        run.status == 1
    });
    assert_eq!(failed.count(), 1);
}

#[test]
fn case_b7_a_server_without_hello() {
    let cluster = Cluster::up(&["HELLO"], &[]);
    let run = conform(&cluster, None, &["connection", "redirect", "moved"]);
    run.assert_clean(40);
    let without_resp3 =
        |check: &&Value| check["reason"].as_str().is_some_and(|reason| reason.starts_with("this server has no RESP3"));
    assert!(run.checks().iter().filter(without_resp3).count() > 0);
}
