//! A container engine that hangs: whoever wants to leave can, and nothing of rct stays behind.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{rct, signal, until};

/// Longest from the second Ctrl-C to the end; clearing up alone would wait for the engine for 90 s.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);

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
             echo \"$$ $*\" >>{at}/calls\n\
             case \"$*\" in\n\
             events*) exec sleep 600 ;;\n\
             *' config '*) echo node ;;\n\
             *' up '*) : >{at}/hangs ;;\n\
             esac\n\
             [ ! -e {at}/hangs ] || exec sleep 600\n"
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

    fn await_call(&self, what: &str) {
        until(what, || match self.calls() {
            calls if calls.iter().any(|(_, call)| call.contains(what)) => Ok(()),
            calls => Err(format!("{calls:?}")),
        });
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // The guard clears up in an engine that hangs still; each call that ends sends it to the next one.
        for (process, _) in self.calls().iter().filter(|(process, _)| lives(*process)) {
            let _ended = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    }
}

/// Whether a process is there, and not only waiting to be asked how it ended.
fn lives(process: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).ok();
    state.is_some_and(|state| !state.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

fn up(docker: &Docker) -> Child {
    std::fs::write(docker.folder.join("nodes.yml"), "services: {}\n").unwrap();
    rct(&docker.folder)
        .args(["up", "--target", "compose", "--compose-file", "nodes.yml"])
        .env("PATH", docker.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn who_has_an_engine_that_hangs_can_leave_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let docker = Docker::new(&folder.path().canonicalize().unwrap());
    let mut child = up(&docker);
    docker.await_call(" up ");
    let signs = docker.calls().iter().filter(|(_, call)| call.starts_with("network ls -q")).count();
    assert_eq!(signs, 2, "the engine is asked whether it lives, at first and before the bring-up");

    signal(child.id(), "INT");
    docker.await_call("ps -a");
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
    until("its clients end with it", || {
        match of_rct.iter().filter(|(process, _)| lives(*process)).collect::<Vec<_>>() {
            living if living.is_empty() => Ok(()),
            living => Err(format!("{living:?}")),
        }
    });
}
