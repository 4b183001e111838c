//! A run leaves nothing in the engine, however it ends, and touches nothing of others.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{docker, ending, image, inventory, rct, with_engine};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn nothing_is_left_after_signals_at_any_moment() {
    with_engine(|| {
        let image = image("redis-7.0");
        let folder = tempfile::tempdir().unwrap();
        let calm = inventory().len();
        // The signal comes when the engine holds this many new things: early, in the middle, and late in a bring-up.
        for (more, signal) in [(0, Signal::INT), (2, Signal::TERM), (4, Signal::INT), (5, Signal::KILL)] {
            let arguments = ["up", "--target", "compose", "--image", &image, "--shape", "2+1"];
            let mut child = rct(folder.path(), &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            wait_until(&mut child, || inventory().len() >= calm + more);
            kill_process(Pid::from_child(&child), signal).unwrap();
            child.wait().unwrap();
            let started = Instant::now();
            while inventory().len() > calm {
                assert!(started.elapsed() < LIMIT, "left behind after {signal:?} at {more}");
                std::thread::yield_now();
            }
        }
    });
}

#[test]
fn clean_removes_what_dead_runs_left_and_nothing_else() {
    with_engine(|| {
        let image = image("redis-7.0");
        let folder = tempfile::tempdir().unwrap();
        // The names of a run of this machine that has ended, and whose guard was killed, too.
        let name = format!("rct-{}-00000000000000ab-0", place(folder.path()));
        let dead = format!("rct.run={name}");
        let project = format!("com.docker.compose.project={name}");
        docker(&["network", "create", "--label", &project, &name]).unwrap();
        docker(&["volume", "create", "--label", &project, &name]).unwrap();
        docker(&["create", "--label", &dead, "--name", &name, &image]).unwrap();
        docker(&["volume", "create", "--label", "rct.run=rct-web", "rct-test-other"]).unwrap();
        let mut clean = rct(folder.path(), &["clean"]);
        clean.env("TMPDIR", folder.path());
        clean.output().unwrap();
        // Only these are compared, because the engine may hold other things that cannot be removed.
        let is_there = |kind: &str| docker(&[kind, "inspect", &name]).unwrap().status.success();
        let left: Vec<&str> = ["container", "network", "volume"].into_iter().filter(|kind| is_there(kind)).collect();
        let others = docker(&["volume", "rm", "rct-test-other"]).unwrap();
        docker(&["rm", "-f", &name]).unwrap();
        docker(&["network", "rm", &name]).unwrap();
        docker(&["volume", "rm", "-f", &name]).unwrap();
        assert!(others.status.success(), "a volume of somebody else is gone");
        assert!(left.is_empty(), "left behind: {left:?}");
    });
}

/// The part of a run's name that stands for this machine and a folder for temporary files.
fn place(folder: &std::path::Path) -> String {
    let file = folder.join("none.yml");
    std::fs::write(&file, "services: {}\n").unwrap();
    let mut command = rct(folder, &["up", "--target", "compose", "--compose-file", "none.yml"]);
    command.env("TMPDIR", folder).env("PATH", stub_of_docker(folder));
    let (_, said) = ending(command);
    let text = std::fs::read_to_string(folder.join("said")).unwrap_or_else(|_| panic!("{said}"));
    let project = text.split_whitespace().find(|word| word.starts_with("rct-")).expect("a project").to_owned();
    project.split('-').nth(1).expect("a place").to_owned()
}

/// A program `docker` that notes its arguments.
fn stub_of_docker(folder: &std::path::Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let stub = folder.join("docker");
    std::fs::write(&stub, format!("#!/bin/sh\necho \"$@\" >>{}/said\n", folder.display())).unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", folder.display())
}

fn wait_until(child: &mut Child, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(child.try_wait().unwrap().is_none(), "rct ended by itself");
        assert!(started.elapsed() < LIMIT, "rct does not get that far");
        std::thread::yield_now();
    }
}
