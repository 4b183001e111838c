//! Servers that crash: a verdict with the lines of the log that show it, for the check that crashes them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::servers::server;
use crate::suites::{CRASHING, WAITING, check, suite};
use crate::support::{conform, processes_in, signal, try_ask, until};

/// Writes a program that stands before a server.
fn wrapper(folder: &Path, release: &str, script: &str) -> PathBuf {
    let program = folder.join("server");
    let server = server(release);
    std::fs::write(&program, format!("#!/bin/sh\nserver='{}'\n{script}\n", server.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn case_e1_the_check_that_crashes_a_server_fails_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite(folder.path(), &format!("{CRASHING}{WAITING}"));
    let server = server("redis-6.2").display().to_string();
    let (status, record) = conform(
        folder.path(),
        &["--server", &server, "--shape", "3+0", "--jobs", "2", "--suite", &suite, "--run", "mine"],
    );
    assert_eq!(status, 1, "{record:#}");
    let failure = &check(&record, "mine/crash")["failure"];
    assert_eq!(failure["received"], "the server crashed: it ended by signal 11 (SIGSEGV)", "{record:#}");
    assert!(failure["note"].as_str().unwrap().contains("crashed by signal: 11"), "{record:#}");
    assert_eq!(check(&record, "mine/wait")["verdict"], "pass", "{record:#}");
}

#[test]
fn case_e1_a_crash_that_no_check_repeats_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite(folder.path(), WAITING);
    let place = folder.path().to_owned();
    let killer = std::thread::spawn(move || {
        until("a client waits", || {
            let blocks = |process: &&String| {
                let settings = std::fs::read_to_string(format!("/proc/{process}/cwd/node.conf")).unwrap_or_default();
                let port = settings.lines().find_map(|line| line.strip_prefix("port ").map(str::to_owned));
                let address = format!("127.0.0.1:{}", port.unwrap_or_default().trim_matches('"'));
                try_ask(&address, "INFO clients").is_ok_and(|clients| clients.contains("blocked_clients:1"))
            };
            match processes_in(&place).iter().find(blocks) {
                Some(process) => {
                    signal(process.parse().unwrap(), "SEGV");
                    Ok(())
                }
                None => Err("nobody waits".to_owned()),
            }
        });
    });
    let server = server("redis-7.0").display().to_string();
    let (status, record) =
        conform(folder.path(), &["--server", &server, "--shape", "3+0", "--suite", &suite, "--run", "mine"]);
    killer.join().unwrap();
    let failure = &check(&record, "mine/wait")["failure"];
    assert_eq!(failure["received"], "the server crashed: it ended by signal 11 (SIGSEGV)", "{record:#}");
    assert!(failure["note"].as_str().unwrap().contains("mine/wait; none of them crashes it alone"), "{record:#}");
    assert_eq!(status, 1);
}

#[test]
fn case_e2_a_server_whose_log_tells_of_a_crash_has_crashed_although_its_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let hanging = "case $1 in --version) exec \"$server\" --version;; esac\n\"$server\" \"$@\"\nexec sleep 1000";
    let program = wrapper(folder.path(), "redis-6.2", hanging);
    let suite = suite(folder.path(), CRASHING);
    let arguments = ["--server", program.to_str().unwrap(), "--shape", "3+0", "--suite", &suite, "--run", "mine"];
    let (status, record) = conform(folder.path(), &arguments);
    let failure = &check(&record, "mine/crash")["failure"];
    assert_eq!(status, 1, "{record:#}");
    assert!(failure["received"].as_str().unwrap().contains("although its process still runs"), "{record:#}");
    assert!(failure["note"].as_str().unwrap().contains("STACK TRACE"), "{record:#}");
}

#[test]
fn case_e3_a_server_that_does_not_start_from_its_own_files_fails_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let corrupting =
        "[ -f started ] && echo garbage >> nodes.conf\n[ -f node.conf ] && : > started\nexec \"$server\" \"$@\"";
    let program = wrapper(folder.path(), "redis-7.0", corrupting);
    let (status, record) =
        conform(folder.path(), &["--server", program.to_str().unwrap(), "--run", "consistency/survives-restart"]);
    let failure = &check(&record, "consistency/survives-restart")["failure"];
    assert_eq!(status, 1, "{record:#}");
    assert!(failure["received"].as_str().unwrap().contains("does not start from its own files"), "{record:#}");
    assert!(failure["note"].as_str().unwrap().contains("orrupted cluster config"), "{record:#}");
}
