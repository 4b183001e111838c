//! A rehearsed release that is served on 127.0.0.1, and the GitHub Action as a runner starts it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The version of this build.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The most bytes of a request for a file.
const REQUEST_BYTES: usize = 8 << 10;

pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The name of the archive for this kind of machine.
pub(crate) fn archive() -> String {
    format!("rct-{}-linux.tar.gz", std::env::consts::ARCH)
}

/// Runs `script/release --dry-run` with the program that the tests use.
pub(crate) fn rehearse(out: &Path, more: &[&str]) -> Output {
    let mut script = Command::new("bash");
    script.arg(checkout().join("script/release")).args(["--dry-run", "--rct", env!("CARGO_BIN_EXE_rct"), "--out"]);
    script.arg(out).args(more).stdin(Stdio::null()).output().unwrap()
}

/// Rehearses a release in `folder`, and returns the URL under which its folder `v0.0.0` is served.
pub(crate) fn published(folder: &Path) -> String {
    let rehearsed = rehearse(&folder.join(format!("v{VERSION}")), &[]);
    assert!(rehearsed.status.success(), "{}", String::from_utf8_lossy(&rehearsed.stderr));
    serve(folder.to_owned())
}

/// Serves the files of a folder by HTTP, as long as the test runs, and returns the URL of the folder.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that gave up needs no answer.
            let _gone = stream.and_then(|stream| answer(stream, &folder));
        }
    });
    url
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.extend(byte);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

/// A runner of GitHub Actions: a folder with the files by which a step speaks to it.
pub(crate) struct Runner<'a> {
    /// The folder, which is also the workspace of the job.
    pub(crate) folder: &'a Path,
    /// Variables that differ from those of a runner with Linux on this kind of machine.
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

impl Runner<'_> {
    /// Runs the first step of action.yml with these inputs. The defaults of action.yml stand for the others.
    pub(crate) fn conform(&self, inputs: &[(&str, &str)]) -> Output {
        let action = fs::read_to_string(checkout().join("action.yml")).unwrap();
        let step = action.lines().find_map(|line| line.trim().strip_prefix("run: ")).unwrap();
        let machine = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };
        let file = |name: &str| self.folder.join(name);
        fs::create_dir_all(file("temp")).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step]).current_dir(self.folder);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null());
        command.envs([("GITHUB_ACTIONS", "true"), ("RUNNER_OS", "Linux"), ("RUNNER_ARCH", machine)]);
        command.env("GITHUB_ACTION_PATH", checkout()).env("GITHUB_WORKSPACE", self.folder);
        // Nothing listens there, so that no test leaves this machine.
        command.env("GITHUB_SERVER_URL", "http://127.0.0.1:1").env("GITHUB_REPOSITORY", "owner/project");
        command.env("RUNNER_TEMP", file("temp")).env("GITHUB_STEP_SUMMARY", file("summary"));
        command.env("GITHUB_OUTPUT", file("output")).env("GITHUB_PATH", file("path"));
        command.envs(environment(&action, inputs)).envs(self.variables.iter().copied()).output().unwrap()
    }

    /// What the step wrote for the runner into `summary`, `output` or `path`; empty if it wrote nothing.
    pub(crate) fn written(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }
}

/// The variables that action.yml gives to the step: lines such as `NAME: ${{ inputs.target }}`.
fn environment(action: &str, inputs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = action.lines().filter_map(|line| line.trim().strip_suffix(" }}")?.split_once(": ${{ "));
    let given = pairs.filter_map(|(name, expression)| {
        let value = match expression.split_once('.')? {
            ("inputs", input) => {
                let found = inputs.iter().find(|(name, _)| *name == input);
                found.map_or_else(|| default(action, input), |(_, value)| (*value).to_owned())
            }
            ("github", "action_repository") => "owner/rct".to_owned(),
            _ => return None,
        };
        Some((name.to_owned(), value))
    });
    given.collect()
}

/// The default of an input in action.yml.
fn default(action: &str, input: &str) -> String {
    let lines = action.lines().skip_while(|line| *line != format!("  {input}:"));
    let value = lines.map(str::trim).find_map(|line| line.strip_prefix("default: "));
    value.unwrap_or_else(|| panic!("action.yml has no input {input}")).trim_matches('"').to_owned()
}
