//! A container engine that hangs: whoever wants to leave can, and nothing of rct stays behind.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{rct, signal, until};

/// Longest from the second Ctrl-C to the end; clearing up alone would wait for the engine for 90 s.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);

/// How long a client of the engine hangs, by which it is known.
const SLEEP_S: u32 = 617;

/// A docker that notes its calls, and hangs from the moment on at which services are to be started.
struct Docker {
    folder: PathBuf,
}

impl Docker {
    fn new(folder: &Path) -> Self {
        let docker = Self { folder: folder.to_owned() };
        let at = folder.display();
        let script = format!(
            "#!/bin/sh\n\
             note() {{ echo \"$$ $*\" >>{at}/calls; }}\n\
             case \"$*\" in\n\
             events*) note \"$@\"; exec sleep {SLEEP_S} ;;\n\
             *' config '*) echo node ;;\n\
             *' up '*) : >{at}/hangs ;;\n\
             esac\n\
             note \"$@\"\n\
             [ ! -e {at}/hangs ] || exec sleep {SLEEP_S}\n"
        );
        let program = folder.join("docker");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        docker
    }

    fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.folder.display())
    }

    /// Its processes so far, with what they were called for.
    fn calls(&self) -> Vec<(u32, String)> {
        let text = std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        let call = |line: &str| line.split_once(' ').map(|(process, what)| (process.parse().unwrap(), what.to_owned()));
        text.lines().filter_map(call).collect()
    }

    /// Waits for a call that is none of those before.
    fn await_call(&self, what: &str, before: &[(u32, String)]) {
        until(what, || match self.calls() {
            calls if calls.iter().any(|call| call.1.contains(what) && !before.contains(call)) => Ok(()),
            calls => Err(format!("{calls:?}")),
        });
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // The guard clears up in an engine that hangs still, and gives up when its client ends.
        for (process, _) in self.calls().iter().filter(|(process, _)| hangs(*process)) {
            let _ended = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    }
}

/// Whether a process is one of those that hang, and not one that got its number later on.
fn hangs(process: u32) -> bool {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line == format!("sleep\0{SLEEP_S}\0").into_bytes()
}

/// rct with clusters by this docker.
fn started(docker: &Docker, command: &[&str]) -> Child {
    std::fs::write(docker.folder.join("nodes.yml"), "services: {}\n").unwrap();
    rct(&docker.folder)
        .args(command)
        .args(["--target", "compose", "--compose-file", "nodes.yml"])
        .env("PATH", docker.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ends a run by two Ctrl-C while it waits for an engine that hangs.
fn leave(docker: &Docker, command: &[&str]) {
    let mut child = started(docker, command);
    docker.await_call(" up ", &[]);
    let signs = docker.calls().iter().filter(|(_, call)| call.starts_with("network ls -q")).count();
    assert!(signs >= 2, "the engine is asked whether it lives, at first and before each bring-up: {signs}");

    signal(child.id(), "INT");
    docker.await_call("ps -a", &[]);
    let of_rct = docker.calls();
    signal(child.id(), "INT");
    let left = Instant::now();
    until("it ends", || match child.try_wait().unwrap() {
        Some(status) => {
            assert_eq!(status.code(), Some(130));
            Ok(())
        }
        None => {
            assert!(left.elapsed() < LEAVE_LIMIT, "clearing up keeps it");
            Err("it clears up".to_owned())
        }
    });
    until("its clients end with it", || match of_rct.iter().filter(|(process, _)| hangs(*process)).count() {
        0 => Ok(()),
        count => Err(format!("{count} of {of_rct:?}")),
    });
    docker.await_call("ps -a", &of_rct);
}

#[test]
fn who_has_an_engine_that_hangs_can_leave_at_once() {
    let folder = tempfile::tempdir().unwrap();
    leave(&Docker::new(&folder.path().canonicalize().unwrap()), &["up"]);
}

#[test]
fn whoever_leaves_a_run_then_has_its_reports() {
    let folder = tempfile::tempdir().unwrap();
    leave(&Docker::new(&folder.path().canonicalize().unwrap()), &["conform", "--out", "out", "--run", "slots/*"]);
    let run = std::fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["ended"], "interrupted");
    assert!(run.join("junit.xml").is_file() && run.join("summary.md").is_file());
}
