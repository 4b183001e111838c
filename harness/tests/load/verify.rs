//! A verified load finds every write that a cluster drops, and nothing on a cluster that keeps its promises.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use defects::load::{DROPPED_WRITES, DROPS_WRITES};
use defects::{Mode, Proxy};
use loadgen::keys::Distribution;
use loadgen::ledger::VerifyReport;
use loadgen::read_back::{BadKey, Copies, read_back};
use loadgen::workload::{Sizes, Workload};
use loadgen::{LoadPlan, ReadFrom, Retry, StopSignal, Until};
use serde_json::Value;
use suites::{LiveCluster, Shape};
use targets::{BringUp, LocalOptions, LocalTarget, Target};
use tokio::task::LocalSet;
use tokio::time::sleep;
use wire::{Slot, command};

use super::common::{ask, at_rate, load, on_cluster, plan};
use crate::servers::server;

/// Runs a test on a cluster behind a proxy, which passes everything through at first.
fn behind_proxy(test: impl AsyncFnOnce(&LiveCluster, &Proxy)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let rct = Some(env!("CARGO_BIN_EXE_rct").into());
        let (server, proxy) = (Some(server("redis-7.0")), Some(Mode::PassThrough));
        let target = LocalTarget::open(LocalOptions { server, rct, proxy, ..LocalOptions::default() }).await.unwrap();
        let shape = Shape::new(3, 1);
        let lease = target.bring_up(&BringUp { shape, ..BringUp::default() }).await.unwrap();
        test(&lease.live, &lease.proxy.clone().unwrap()).await;
        lease.shut_down().await;
    });
}

/// A plan whose workload is verified. Each ledger needs keys that nobody has written, and so a prefix of its own.
fn verified(live: &LiveCluster, prefix: &str, mix: &str, keys: u64, distribution: Distribution) -> LoadPlan {
    let workload = Workload::mix(mix, prefix, keys, distribution, Sizes::Fixed(64)).unwrap().verified(false).unwrap();
    LoadPlan { workload: Arc::new(workload), ..plan(live, mix) }
}

/// Runs a verified plan, reads the keys back, and gives the report and the bad keys.
async fn verify(plan: LoadPlan, copies: Copies) -> (VerifyReport, Vec<BadKey>) {
    let stop = StopSignal::default();
    let mut verify = load(plan.clone(), &stop).await.verify.unwrap();
    let mut bad = Vec::new();
    let read_back = read_back(&plan, copies, &stop, &mut |key| bad.push(key.clone())).await.unwrap();
    verify.add_read_back(read_back.unwrap());
    (verify, bad)
}

/// The only folder of a run in a folder.
fn run_in(results: &Path) -> PathBuf {
    let mut folders = fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    let folder = folders.next().unwrap();
    assert!(folders.next().is_none());
    folder
}

#[test]
fn writes_that_the_cluster_drops_are_lost() {
    behind_proxy(async |live, proxy| {
        let fill = |prefix| {
            let plan = verified(live, prefix, "SET:1", 2_000, Distribution::Sequential);
            LoadPlan { until: Until::Operations(2_000), ..plan }
        };
        let (right, bad) = verify(fill("right:"), Copies::All).await;
        assert_eq!((right.acknowledged, right.lost, right.corrupt, bad), (2_000, Some(0), 0, Vec::new()));
        proxy.switch(Mode::Defective(&DROPS_WRITES));
        let (wrong, bad) = verify(fill("wrong:"), Copies::Primaries).await;
        assert_eq!((wrong.acknowledged, wrong.lost), (2_000, Some(DROPPED_WRITES as u64)), "{wrong:?}");
        assert_eq!(bad.len() as i64, DROPPED_WRITES);
        for key in &bad {
            let seen = (key.what, key.expected, key.slot);
            assert_eq!(seen, ("lost", Some(1), Slot::of(&key.key).number()), "{key:?}");
            assert!(key.acknowledged_s.is_some_and(|at_s| (0.0..60.0).contains(&at_s)), "{key:?}");
        }
        proxy.switch(Mode::Defective(&DROPS_WRITES));
        let address = live.topology().nodes[0].address.to_string();
        tokio::task::spawn_blocking(move || exit_statuses(&address)).await.unwrap();
    });
}

/// What `rct load --verify` prints and returns on a cluster that drops writes: the first run fails, and the second one
/// finds nothing more to drop.
fn exit_statuses(address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let rct = |out: &str, more: &[&str]| {
        let arguments = ["load", "--target", address, "--verify", "-c", "6", "-t", "set", "-r", "2k", "-n", "2k"];
        let output = Command::new(env!("CARGO_BIN_EXE_rct"))
            .current_dir(folder.path())
            .args(arguments)
            .args(["--key-choice", "sequential", "--out", out])
            .args(more)
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), shown)
    };
    let (status, shown) = rct("wrong", &["--fail-if", "lost > 37"]);
    assert_eq!(status, Some(0), "a gate replaces the rule: {shown}");
    let run = run_in(&folder.path().join("wrong"));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["load"]["verify"]["lost"], DROPPED_WRITES, "{shown}");
    assert!(shown.contains("lost 37 of 2,000 acknowledged writes; rct read 2,000 keys back"), "{shown}");
    assert!(fs::read_to_string(run.join("summary.md")).unwrap().contains("| lost | 37 of 2,000 acknowledged writes |"));
    let list = fs::read_to_string(run.join("lost-keys.txt")).unwrap();
    let keys: Vec<&str> = list.lines().skip(1).collect();
    assert_eq!(keys.len() as i64, DROPPED_WRITES, "{list}");
    assert!(keys.iter().all(|key| key.starts_with("rct:") && key.contains("\tlost\t1\t-\t")), "{list}");
    let (status, shown) = rct("right", &[]);
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("gate passed: lost > 0: the value is 0"), "{shown}");
    assert!(!run_in(&folder.path().join("right")).join("lost-keys.txt").exists());
}

#[test]
fn a_busy_cluster_that_keeps_its_promises_passes() {
    on_cluster(5_000, async |live| {
        for (clients, pipeline, threads, keys, mix) in
            [(30, 1, 1, 1_000, "GET:1,SET:1"), (60, 16, 2, 50, "GET:2,SET:2,DEL:1"), (90, 100, 2, 1, "GET:1,SET:1")]
        {
            let distribution = Distribution::Uniform;
            let plan = LoadPlan {
                clients,
                pipeline,
                threads,
                ..verified(&live, &format!("{clients}:"), mix, keys, distribution)
            };
            let (verify, bad) = verify(LoadPlan { until: Until::Operations(20_000), ..plan }, Copies::All).await;
            assert_eq!((verify.lost, verify.stale, verify.corrupt, verify.in_doubt), (Some(0), 0, 0, 0), "{verify:?}");
            assert_eq!(bad, Vec::new());
            assert!(verify.primaries.checked > 5_000 && verify.acknowledged > 5_000, "{verify:?}");
            assert_eq!(verify.read_back.unwrap().replicas.len(), 3);
        }
        stale_replicas_and_changed_values(&live).await;
    });
}

/// A replica that does not hear from its primary is stale, and a value that somebody else wrote is corrupt.
async fn stale_replicas_and_changed_values(live: &LiveCluster) {
    let plan = verified(live, "", "GET:1,SET:1", 300, Distribution::Uniform);
    let fill = LoadPlan { until: Until::Operations(3_000), ..plan.clone() };
    let (before, _) = verify(fill, Copies::Primaries).await;
    assert_eq!(before.lost, Some(0));
    let owner = |key: &str| live.topology().owner(Slot::of(key)).unwrap().address.clone();
    let [changed, swapped, removed, from] = [1, 2, 3, 4].map(|number| format!("key:{number:012}"));
    let value = ask(live, &owner(&from), &command!["GET", &from]).await;
    ask(live, &owner(&changed), &command!["APPEND", &changed, "x"]).await;
    ask(live, &owner(&swapped), &command!["SET", &swapped, value.bytes_value().unwrap()]).await;
    ask(live, &owner(&removed), &command!["DEL", &removed]).await;
    let mut bad = Vec::new();
    let stop = StopSignal::default();
    read_back(&plan, Copies::Primaries, &stop, &mut |key| bad.push((key.key.clone(), key.what))).await.unwrap();
    bad.sort();
    assert_eq!(bad, [(changed, "corrupt"), (swapped, "wrong_key"), (removed, "lost")]);
    let reads = verified(live, "replicas:", "GET:1,SET:1", 300, Distribution::Uniform);
    let reads = LoadPlan { read_from: ReadFrom::Replica, until: Until::Operations(3_000), ..reads };
    let replicas = verify(reads, Copies::Primaries).await.0;
    assert_eq!((replicas.primaries.checked, replicas.stale, replicas.lost), (0, 0, Some(0)), "{replicas:?}");
    assert!(replicas.replicas.checked > 1_000, "{replicas:?}");
}

#[test]
fn writes_in_doubt_are_neither_lost_nor_wrong() {
    on_cluster(60_000, async |live| {
        let paused = live.topology().owner(Slot::of("paused")).unwrap().address.clone();
        let plan = LoadPlan {
            pace: at_rate(2_000.0),
            until: Until::Elapsed(Duration::from_millis(1_500)),
            timeout: Duration::from_millis(300),
            retry: Retry::All,
            pipeline: 4,
            ..verified(&live, "", "GET:1,SET:1", 100, Distribution::Uniform)
        };
        let pausing = async {
            sleep(Duration::from_millis(300)).await;
            live.control.pause(&paused).await.unwrap();
            sleep(Duration::from_millis(700)).await;
            live.control.resume(&paused).await.unwrap();
        };
        let ((verify, bad), ()) = tokio::join!(verify(plan, Copies::Primaries), pausing);
        assert!(verify.in_doubt > 0, "{verify:?}");
        assert_eq!((verify.lost, verify.stale, verify.corrupt), (Some(0), 0, 0), "{verify:?}");
        assert_eq!(bad, Vec::new());
        let shards = &verify.read_back.as_ref().unwrap().shards;
        let known =
            shards.iter().map(|shard| shard.in_doubt_applied + shard.in_doubt_not_applied + shard.in_doubt_unknown);
        assert_eq!(known.sum::<u64>(), verify.in_doubt, "{verify:?}");
    });
}

#[test]
fn wait_tells_how_many_replicas_confirmed() {
    on_cluster(5_000, async |live| {
        for (replicas, confirmed) in [(1, true), (2, false)] {
            let prefix = format!("{replicas}:");
            let workload = Workload::mix("GET:1,SET:1", &prefix, 100, Distribution::Uniform, Sizes::Fixed(64)).unwrap();
            let workload = workload.waiting_for(replicas, Duration::from_millis(20)).verified(false).unwrap();
            let until = Until::Operations(200);
            let plan = LoadPlan { workload: Arc::new(workload), until, ..plan(&live, "GET:1,SET:1") };
            let report = load(plan, &StopSignal::default()).await;
            let (wait, verify) = (report.wait.unwrap(), report.verify.unwrap());
            let sets = report.commands.iter().find(|command| command.name == "SET").unwrap().operations;
            assert_eq!((wait.replicas, wait.confirmed + wait.unconfirmed), (replicas, sets));
            assert_eq!(wait.by_replicas.keys().copied().collect::<Vec<u64>>(), [1]);
            assert_eq!((wait.confirmed > 0, wait.unconfirmed > 0), (confirmed, !confirmed), "{wait:?}");
            assert_eq!((verify.acknowledged, verify.in_doubt), (wait.confirmed, wait.unconfirmed));
            assert_eq!((verify.stale, verify.corrupt, report.failed), (0, 0, 0));
        }
    });
}
