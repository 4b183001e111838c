//! rct leaves no process and no folder, however it ends.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::servers::server;
use crate::support::{processes_in, rct, signal, until};

/// When the test ends the run, in milliseconds after its start: while it brings up clusters, and while it runs checks.
const MOMENTS_MS: [u64; 6] = [15, 120, 450, 1_100, 2_600, 4_200];

fn started(folder: &Path) -> Child {
    rct(folder)
        .args(["conform", "--out", "out", "--server"])
        .arg(server("redis-7.0"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for the moment, or until the run has ended.
fn wait_until(started: Instant, moment: Duration, child: &mut Child) {
    while started.elapsed() < moment && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn nothing_is_left(folder: &Path) {
    until("nothing is left", || {
        let processes = processes_in(folder);
        let entries = std::fs::read_dir(folder).unwrap().filter_map(Result::ok);
        let folders: Vec<_> = entries.map(|entry| entry.file_name()).filter(|name| name != "out").collect();
        if processes.is_empty() && folders.is_empty() { Ok(()) } else { Err(format!("{processes:?} {folders:?}")) }
    });
}

#[test]
fn nothing_is_left_after_sigkill() {
    for moment in MOMENTS_MS {
        let folder = tempfile::tempdir().unwrap();
        let mut child = started(folder.path());
        wait_until(Instant::now(), Duration::from_millis(moment), &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        nothing_is_left(folder.path());
    }
}

#[test]
fn ctrl_c_ends_the_run_and_reports_what_ran() {
    for (moment, name) in [(300, "INT"), (3_200, "TERM")] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = started(folder.path());
        wait_until(Instant::now(), Duration::from_millis(moment), &mut child);
        signal(child.id(), name);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        nothing_is_left(folder.path());
        let run = std::fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
        assert_eq!(record["ended"], "interrupted");
        assert!(run.join("junit.xml").is_file() && run.join("summary.md").is_file());
    }
}
