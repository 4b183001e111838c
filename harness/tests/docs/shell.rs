//! Runs commands in one shell with a time limit, and returns the output and status of each.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it printed on stdout and stderr.
    pub(crate) output: String,
    pub(crate) status: i32,
}

/// Starts the line after the output of a command, before its status.
const MARK: char = '\u{1e}';

/// Runs commands one after the other in one shell without input.
///
/// # Errors
///
/// The output so far, if the shell ends before the last command or takes longer than `limit`.
pub(crate) fn run(
    commands: &[&str],
    folder: &Path,
    environment: &[(&str, String)],
    limit: Duration,
) -> Result<Vec<Ended>, String> {
    let mut script = "exec 2>&1\n".to_owned();
    for command in commands {
        script += &format!("{command}\nprintf '\\n{MARK}%d\\n' \"$?\"\n");
    }
    let printed = folder.join(".printed");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(folder).process_group(0);
    for name in ["RCT_TARGET", "RCT_USERNAME", "RCT_PASSWORD", "RCT_IMAGE", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"] {
        shell.env_remove(name);
    }
    shell.envs(environment.iter().map(|(name, value)| (name, value)));
    shell.stdin(Stdio::null()).stdout(File::create(&printed).unwrap()).stderr(Stdio::null());
    let status = within(limit, shell.spawn().unwrap());
    let output = String::from_utf8_lossy(&fs::read(printed).unwrap()).into_owned();
    let ended = split(&output);
    match status {
        None => Err(format!("it did not end within {} s, and printed:\n{output}", limit.as_secs())),
        Some(_) if ended.len() < commands.len() => Err(format!("the shell ended early, and printed:\n{output}")),
        Some(_) => Ok(ended),
    }
}

/// Waits for a shell, and then kills what is left in its process group.
fn within(limit: Duration, mut shell: Child) -> Option<ExitStatus> {
    let started = Instant::now();
    let status = loop {
        match shell.try_wait().unwrap() {
            None if started.elapsed() < limit => std::thread::park_timeout(Duration::from_millis(10)),
            ended => break ended,
        }
    };
    // This fails when nothing is left.
    let _left = Command::new("kill").args(["-KILL", "--", &format!("-{}", shell.id())]).stderr(Stdio::null()).status();
    if status.is_none() {
        shell.wait().unwrap();
    }
    status
}

fn split(output: &str) -> Vec<Ended> {
    let mut parts = output.split(MARK);
    let mut before = parts.next().unwrap_or_default();
    let mut ended = Vec::new();
    for part in parts {
        let (status, after) = part.split_once('\n').unwrap_or((part, ""));
        ended.push(Ended { output: before.trim_end().to_owned(), status: status.parse().unwrap() });
        before = after;
    }
    ended
}

/// A PATH on which the named programs come first, and no other server is found.
pub(crate) fn path_with(folder: &Path, programs: &[(&str, PathBuf)]) -> String {
    let bin = folder.join(format!(".bin-{}", programs.iter().map(|(name, _)| *name).collect::<String>()));
    fs::create_dir_all(&bin).unwrap();
    for (name, program) in programs {
        let link = bin.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(program, link).unwrap();
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Leaves out folders with a valkey-server, because rct prefers that to redis-server.
    let others = std::env::split_paths(&path).filter(|folder| !folder.join("valkey-server").exists());
    std::env::join_paths(std::iter::once(bin).chain(others)).unwrap().into_string().unwrap()
}
