//! A container engine that hangs: a second Ctrl-C ends rct at once, and rct leaves no process.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{rct, signal, until};

/// The limit from the second Ctrl-C to the end. The cleanup alone would wait 90 s for the engine.
const END_LIMIT: Duration = Duration::from_secs(30);

/// How long a client of the engine hangs. The unusual number identifies its process.
const SLEEP_S: u32 = 617;

/// A program `docker` that notes its calls, and hangs after it has been asked to start services.
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

    /// The processes so far, each with its arguments.
    fn calls(&self) -> Vec<(u32, String)> {
        let text = std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        let call = |line: &str| line.split_once(' ').map(|(process, what)| (process.parse().unwrap(), what.to_owned()));
        text.lines().filter_map(call).collect()
    }

    /// Waits for a call that is not one of the earlier ones.
    fn await_call(&self, what: &str, before: &[(u32, String)]) {
        until(what, || match self.calls() {
            calls if calls.iter().any(|call| call.1.contains(what) && !before.contains(call)) => Ok(()),
            calls => Err(format!("{calls:?}")),
        });
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // The guard still waits for the hanging engine, and gives up when its client ends.
        for (process, _) in self.calls().iter().filter(|(process, _)| hangs(*process)) {
            let _ended = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    }
}

/// Whether a process is one of those that hang, and not another one that has got its number.
fn hangs(process: u32) -> bool {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line == format!("sleep\0{SLEEP_S}\0").into_bytes()
}

/// Starts rct, which uses this program `docker`.
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

/// Ends a run with two Ctrl-C while it waits for a hanging engine.
fn end_with_two_signals(docker: &Docker, command: &[&str]) {
    let mut child = started(docker, command);
    docker.await_call(" up ", &[]);
    let probes = docker.calls().iter().filter(|(_, call)| call.starts_with("network ls -q")).count();
    assert!(probes >= 2, "rct probes the engine at its start and before each bring-up, but did so {probes} times");

    signal(child.id(), "INT");
    docker.await_call("ps -a", &[]);
    let calls_of_rct = docker.calls();
    signal(child.id(), "INT");
    let second_signal = Instant::now();
    until("it ends", || match child.try_wait().unwrap() {
        Some(status) => {
            assert_eq!(status.code(), Some(130));
            Ok(())
        }
        None => {
            assert!(second_signal.elapsed() < END_LIMIT, "rct still waits for the cleanup");
            Err("it still runs".to_owned())
        }
    });
    until("its clients end with it", || match calls_of_rct.iter().filter(|(process, _)| hangs(*process)).count() {
        0 => Ok(()),
        count => Err(format!("{count} of {calls_of_rct:?}")),
    });
    docker.await_call("ps -a", &calls_of_rct);
}

#[test]
fn a_second_ctrl_c_ends_rct_at_once() {
    let folder = tempfile::tempdir().unwrap();
    end_with_two_signals(&Docker::new(&folder.path().canonicalize().unwrap()), &["up"]);
}

#[test]
fn a_run_that_ends_at_the_second_ctrl_c_has_its_reports() {
    let folder = tempfile::tempdir().unwrap();
    end_with_two_signals(
        &Docker::new(&folder.path().canonicalize().unwrap()),
        &["conform", "--out", "out", "--run", "slots/*"],
    );
    let run = std::fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["ended"], "interrupted");
    assert!(run.join("junit.xml").is_file() && run.join("summary.md").is_file());
}
