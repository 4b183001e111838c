//! Somebody else changes the cluster while checks run on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::stock::{primaries, up};
use crate::suites::{check, suite};
use crate::support::{Cluster, ask, conform, problems};

/// A check that takes a while, and fails whatever the server does.
const FAILING: &str = r#"
[[check]]
id = "slow-failure"
title = "BLPOP answers OK, which it never does"
level = "must"
spec = "BLPOP"
steps = [{ send = { command = "BLPOP {key} 1", to = "owner", expect = "ok" } }]
"#;

/// Moves one slot without keys between two primaries, back and forth, until it is dropped.
struct Resharding {
    is_over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Resharding {
    fn of(cluster: &Cluster) -> Self {
        let primaries = primaries(cluster);
        let [one, other] = [primaries[0].clone(), primaries[1].clone()];
        let id = |node: &str| ask(node, "CLUSTER MYID").lines().nth(1).unwrap().to_owned();
        let ids = [id(&one), id(&other)];
        let line = ask(&one, "CLUSTER NODES");
        let line = line.lines().find(|line| line.contains("myself")).unwrap().to_owned();
        let slot = line.rsplit(' ').next().unwrap().split('-').next().unwrap().to_owned();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut nodes = [(&one, &ids[0]), (&other, &ids[1])];
            while !over.load(Ordering::SeqCst) {
                nodes.reverse();
                // A node that imports the slot raises its epoch when it gets it. It comes first, so that the slot always
                // has an owner.
                ask(nodes[0].0, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", nodes[1].1));
                for (node, _) in nodes {
                    ask(node, &format!("CLUSTER SETSLOT {slot} NODE {}", nodes[0].1));
                }
                std::thread::park_timeout(std::time::Duration::from_millis(200));
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Resharding {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn case_d3_checks_during_which_somebody_else_moves_slots_are_broken_and_do_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let suite = suite(folder.path(), FAILING);
    let target = ["--target", &cluster.addresses[0], "--suite", &suite];
    let resharding = Resharding::of(&cluster);
    let selection = ["--run", "mine", "--run", "moved/every-slot", "--run", "consistency/*slots*"];
    let (status, record) = conform(folder.path(), &[&target[..], &["--calm"], &selection[..]].concat());
    drop(resharding);
    assert_eq!(status, 3, "{record:#}");
    assert_eq!(problems(&record).keys().collect::<Vec<_>>(), ["broken"], "{record:#}");
    let broken = check(&record, "mine/slow-failure");
    assert!(broken["reason"].as_str().unwrap().starts_with("the cluster changed while the check ran: "), "{broken:#}");

    let (status, record) = conform(folder.path(), &[&target[..], &["--run", "mine"]].concat());
    assert_eq!((status, &check(&record, "mine/slow-failure")["verdict"]), (1, &"fail".into()), "{record:#}");
}
