//! A container engine, spoken to by its own client, so that contexts, hosts and rights are as the user has them.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cleanup::guard::ENGINE_FILE;
use crate::cleanup::leftovers::{self, Whose};
use crate::cleanup::places;
use crate::cleanup::run_folder::Root;
use crate::cleanup::run_name::RunName;
use crate::docker::engine_error::EngineError;
use crate::error::TargetError;

/// The engine's client.
pub(crate) const DOCKER: &str = "docker";
/// How long the engine may take over one command; on a busy machine ending a container takes many seconds.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_secs(90);
/// How long it may take to answer at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to give a sign of life amid a run, when other clusters keep it busy, and after it gave none.
const LIFE_LIMIT: Duration = Duration::from_secs(60);
const NO_LIFE_LIMIT: Duration = Duration::from_secs(5);
/// What an engine is asked to see whether it lives: one whose networks hang may still tell its version.
const SIGN_OF_LIFE: [&str; 3] = ["network", "ls", "-q"];
/// How much of what a command says is read.
const OUTPUT_BYTES: u64 = 4 * 1024 * 1024;
/// How much of an error is shown.
const ERROR_CHARACTERS: usize = 300;

/// The engine, as one run uses it. Dropping it removes all that the run has made there.
pub(crate) struct Engine {
    root: Root,
    name: RunName,
    /// Whether it gave no sign of life when it was asked last.
    hangs: Cell<bool>,
}

impl Engine {
    /// Makes sure that an engine answers, and has the guard clear up there, too.
    ///
    /// # Errors
    ///
    /// If there is no client, the engine does not answer or may not be used, or there is no place for the run's folder.
    pub(crate) async fn open(rct: Option<&Path>) -> Result<Self, TargetError> {
        let sign = run(&std::env::temp_dir(), DOCKER, &SIGN_OF_LIFE, &[], ANSWER_LIMIT).await;
        sign.map_err(TargetError::from)?;
        let no_place = |source| TargetError::NoFolder { parent: places::parent(), source };
        let root = Root::new(rct).await.map_err(no_place)?;
        let name = RunName::of_folder(root.folder()).map_err(no_place)?;
        std::fs::write(root.folder().join(ENGINE_FILE), "").map_err(no_place)?;
        Ok(Self { root, name, hangs: Cell::new(false) })
    }

    /// The name of the run.
    pub(crate) fn name(&self) -> RunName {
        self.name
    }

    /// The run's folder, where its commands work.
    pub(crate) fn folder(&self) -> &Path {
        self.root.folder()
    }

    /// Makes sure that the engine lives still, before more is asked of it: each command of a bring-up would wait to its
    /// own limit.
    ///
    /// # Errors
    ///
    /// If it does not tell its networks within 60 s, or within 5 s where it did not the time before.
    pub(crate) async fn prove_alive(&self) -> Result<(), TargetError> {
        let limit = if self.hangs.get() { NO_LIFE_LIMIT } else { LIFE_LIMIT };
        let sign = run(self.folder(), DOCKER, &SIGN_OF_LIFE, &[], limit).await;
        self.hangs.set(sign.is_err());
        sign.map(drop).map_err(TargetError::from)
    }

    /// Runs a command of the engine's client and gives what it says on its output.
    ///
    /// # Errors
    ///
    /// If it fails, or takes longer than 90 s.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, EngineError> {
        run(self.folder(), DOCKER, arguments, &[], COMMAND_LIMIT).await
    }

    /// Removes all that has the name of a cluster of this run as its label.
    pub(crate) async fn remove_cluster(&self, name: &str) {
        let (folder, whose) = (self.folder().to_owned(), Whose::Cluster(name.to_owned()));
        // What is left is removed at the end of the run.
        let _removed = tokio::task::spawn_blocking(move || leftovers::remove(Some(&folder), &whose, false)).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A bring-up that was cut short may still have its effect.
        match leftovers::remove(Some(self.folder()), &Whose::Run(self.name), true) {
            Ok(_) => {
                let _removed = std::fs::remove_file(self.root.folder().join(ENGINE_FILE));
            }
            Err(error) => {
                // Nobody is told where standard error is closed.
                drop(writeln!(
                    io::stderr(),
                    "rct: the container engine keeps something of this run: {error}; `rct clean` removes it"
                ));
            }
        }
    }
}

/// Runs a program in a folder, with more variables, and gives what it says on its output. Dropping the future kills it.
///
/// # Errors
///
/// [`EngineError`].
pub(crate) async fn run(
    folder: &Path,
    program: &str,
    arguments: &[&str],
    variables: &[(&str, String)],
    limit: Duration,
) -> Result<String, EngineError> {
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Of its own, so that Ctrl-C does not reach it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => EngineError::NoProgram(program.to_owned()),
            _ => EngineError::System(format!("{program} cannot be run: {error}")),
        })?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(read(output), read(errors), child.wait()) };
    let what = || [&[program][..], &arguments[..arguments.len().min(2)]].concat().join(" ");
    let (output, errors, status) =
        timeout(limit, all).await.map_err(|_| EngineError::TimedOut { what: what(), limit })?;
    let status = status.map_err(|error| EngineError::System(format!("{program} is lost: {error}")))?;
    if status.success() { Ok(output) } else { Err(failed(status, &errors, &output)) }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read until it broke is all there is.
        let _read = pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn failed(status: ExitStatus, errors: &str, output: &str) -> EngineError {
    let telling = |line: &&str| {
        let lower = line.to_ascii_lowercase();
        ["error", "cannot", "denied", "not found", "no such"].iter().any(|word| lower.contains(word))
    };
    let lines = || errors.lines().chain(output.lines()).map(str::trim).filter(|line| !line.is_empty());
    let said = lines().rfind(telling).or_else(|| lines().next_back()).unwrap_or("it says nothing");
    let said = said.chars().filter(|c| !c.is_control()).take(ERROR_CHARACTERS).collect();
    EngineError::Failed { status, said, all: format!("{errors}\n{output}") }
}

/// Where a program is on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}
