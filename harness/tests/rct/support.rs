//! What the tests of the binary share: runs of `rct`, and clusters of `rct up`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[path = "../support/schema.rs"]
pub(crate) mod schema;

/// The limit on everything that a test waits for, long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// `rct` in a folder of its own, which gets its results, and without the variables of rct in the environment.
pub(crate) fn rct(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rct"));
    command.current_dir(folder).env("TMPDIR", folder).stdin(Stdio::null());
    for name in ["RCT_TARGET", "RCT_USERNAME", "RCT_PASSWORD", "RCT_PART", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"] {
        command.env_remove(name);
    }
    command
}

/// Runs `rct` to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    rct(folder).args(arguments).output().unwrap()
}

/// Runs `rct conform` and returns its exit status and its record.
pub(crate) fn conform(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = rct(folder).args(["conform", "--format", "json"]).args(arguments).output().unwrap();
    let record = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
    assert_eq!(schema::mistakes("run", &record), "");
    (output.status.code().unwrap(), record)
}

/// The checks of a record that neither passed nor were skipped, by verdict.
pub(crate) fn problems(record: &Value) -> BTreeMap<String, Vec<String>> {
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for check in record["checks"].as_array().unwrap() {
        let verdict = check["verdict"].as_str().unwrap();
        if !["pass", "skip"].contains(&verdict) {
            problems.entry(verdict.to_owned()).or_default().push(check["id"].as_str().unwrap().to_owned());
        }
    }
    problems
}

/// What the checks of a record saw that neither passed nor were skipped, for the message of a test that fails.
pub(crate) fn evidence(record: &Value) -> String {
    let checks = record["checks"].as_array().unwrap().iter();
    let problems = checks.filter(|check| !["pass", "skip", "known"].contains(&check["verdict"].as_str().unwrap()));
    problems.map(|check| format!("{}: {}{}\n", check["id"], check["failure"], check["reason"])).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A cluster of `rct up`, or a standalone server, which ends when this is dropped.
pub(crate) struct Cluster {
    child: Child,
    /// The addresses of its nodes.
    pub(crate) addresses: Vec<String>,
}

impl Cluster {
    pub(crate) fn up(folder: &Path, server: &Path, shape: &str) -> Self {
        Self::up_with(folder, server, shape, &[])
    }

    pub(crate) fn up_with(folder: &Path, server: &Path, shape: &str, more: &[&str]) -> Self {
        let shape = if shape == "standalone" { vec!["--standalone"] } else { vec!["--shape", shape] };
        let mut child = rct(folder)
            .args(["up", "--format", "json"])
            .args(shape)
            .arg("--server")
            .arg(server)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut json = String::new();
        let record: Value = loop {
            json += &lines.next().expect("rct up ended without output").unwrap();
            if let Ok(record) = serde_json::from_str(&json) {
                break record;
            }
        };
        let nodes = record["nodes"].as_array().unwrap();
        let addresses = nodes.iter().map(|node| node["address"].as_str().unwrap().to_owned()).collect();
        Self { child, addresses }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        signal(self.child.id(), "TERM");
        let _ended = self.child.wait();
    }
}

/// Finds free ports of 127.0.0.1 for servers that a test starts by itself.
///
/// They and their bus ports, which are 10000 higher, lie below the ports that the kernel gives to outgoing connections.
/// The target `local` uses other ports.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let is_free = |port: &u16| {
        [*port, *port + 10_000].iter().all(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    let start = rand::random_range(10_000..11_000);
    let free: Vec<u16> = (start..11_000).chain(10_000..start).filter(is_free).take(N).collect();
    free.try_into().expect("free ports between 10000 and 10999")
}

/// Sends a signal to a process that a test started.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Sends one inline command to a node, and returns the raw reply.
pub(crate) fn ask(address: &str, command: &str) -> String {
    try_ask(address, command).unwrap()
}

/// As [`ask`], for a node that may be down.
pub(crate) fn try_ask(address: &str, command: &str) -> std::io::Result<String> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(text(&reply))
}

/// Polls until `look` returns `Ok`; `what` describes that state.
pub(crate) fn until(what: &str, mut look: impl FnMut() -> Result<(), String>) {
    let started = Instant::now();
    loop {
        match look() {
            Ok(()) => return,
            Err(problems) => assert!(started.elapsed() < PATIENCE, "{what}: {problems}"),
        }
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The processes whose working directory is below a folder.
pub(crate) fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let within = entries.filter(|entry| {
        std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder) && cwd != folder)
    });
    within.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Runs `rct` and compares its exit status and parts of what it prints.
pub(crate) fn refuses(folder: &Path, arguments: &[&str], status: i32, parts: &[&str]) {
    let output = run(folder, arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}{}", text(&output.stdout));
    let shown = format!("{message}{}", text(&output.stdout));
    for part in parts {
        assert!(shown.contains(part), "{arguments:?}: {part:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("panicked"), "{shown}");
}

/// How many times all nodes together executed a command.
pub(crate) fn calls(nodes: &[String], command: &str) -> u64 {
    let prefix = format!("cmdstat_{command}:calls=");
    let of_node = |node: &String| {
        let info = ask(node, "INFO commandstats");
        let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse::<u64>().unwrap())
    };
    nodes.iter().map(of_node).sum()
}
