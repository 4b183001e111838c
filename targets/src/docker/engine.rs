//! The container engine of a run.
//!
//! rct calls the client `docker`, so that contexts, hosts and permissions are those of the user.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cleanup::guard::ENGINE_FILE;
use crate::cleanup::leftovers::{self, Scope};
use crate::cleanup::places;
use crate::cleanup::run_folder::RunFolder;
use crate::cleanup::run_name::RunName;
use crate::docker::engine_error::EngineError;
use crate::error::TargetError;

/// The client of the engine.
pub(crate) const DOCKER: &str = "docker";
/// How long one command may take. Ending a container takes many seconds on a busy machine.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_secs(90);
/// How long the engine may take for its first answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long the engine may take to show that it is alive while other clusters keep it busy.
const ALIVE_LIMIT: Duration = Duration::from_secs(60);
/// The same limit after the engine did not answer the last time.
const STILL_DEAD_LIMIT: Duration = Duration::from_secs(5);
/// The command that shows whether the engine is alive. An engine whose networks hang still prints its version.
const ALIVE_COMMAND: [&str; 3] = ["network", "ls", "-q"];
/// How much of the output of a command rct reads.
const OUTPUT_BYTES: u64 = 4 * 1024 * 1024;
/// How much of an error rct shows.
const ERROR_CHARACTERS: usize = 300;

/// The container engine, as one run uses it. Dropping this removes everything that the run created there.
pub(crate) struct Engine {
    run_folder: RunFolder,
    name: RunName,
    /// Whether the engine did not answer the last time.
    hangs: Cell<bool>,
}

impl Engine {
    /// Makes sure that the engine answers, and makes the guard remove what the run creates there.
    ///
    /// # Errors
    ///
    /// There is no client, the engine does not answer or denies access, or rct cannot create the folder of the run.
    pub(crate) async fn open(rct: Option<&Path>) -> Result<Self, TargetError> {
        let answer = run(&std::env::temp_dir(), DOCKER, &ALIVE_COMMAND, &[], ANSWER_LIMIT).await;
        answer.map_err(TargetError::from)?;
        let no_folder = |source| TargetError::NoFolder { parent: places::parent(), source };
        let run_folder = RunFolder::new(rct).await.map_err(no_folder)?;
        let name = RunName::of_folder(run_folder.folder()).map_err(no_folder)?;
        std::fs::write(run_folder.folder().join(ENGINE_FILE), "").map_err(no_folder)?;
        Ok(Self { run_folder, name, hangs: Cell::new(false) })
    }

    /// The name of the run.
    pub(crate) fn name(&self) -> RunName {
        self.name
    }

    /// The folder of the run, in which its commands run.
    pub(crate) fn folder(&self) -> &Path {
        self.run_folder.folder()
    }

    /// Makes sure that the engine is alive, because each command of a bring-up would otherwise wait for its own limit.
    ///
    /// # Errors
    ///
    /// The engine does not list its networks within 60 s, or within 5 s if it did not the last time.
    pub(crate) async fn check_alive(&self) -> Result<(), TargetError> {
        let limit = if self.hangs.get() { STILL_DEAD_LIMIT } else { ALIVE_LIMIT };
        let answer = run(self.folder(), DOCKER, &ALIVE_COMMAND, &[], limit).await;
        self.hangs.set(answer.is_err());
        answer.map(drop).map_err(TargetError::from)
    }

    /// Runs a command of the client and returns what it prints on stdout.
    ///
    /// # Errors
    ///
    /// The command fails, or takes longer than 90 s.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, EngineError> {
        run(self.folder(), DOCKER, arguments, &[], COMMAND_LIMIT).await
    }

    /// Removes everything that is labelled with the name of a cluster.
    pub(crate) async fn remove_cluster(&self, name: &str) {
        let (folder, scope) = (self.folder().to_owned(), Scope::Cluster(name.to_owned()));
        // The end of the run removes what this leaves.
        let _removed = tokio::task::spawn_blocking(move || leftovers::remove(Some(&folder), &scope, false)).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The engine may still create something for a bring-up that was interrupted.
        match leftovers::remove(Some(self.folder()), &Scope::Run(self.name), true) {
            Ok(_) => {
                let _removed = std::fs::remove_file(self.run_folder.folder().join(ENGINE_FILE));
            }
            Err(error) => {
                // A closed stderr leaves nobody to tell.
                drop(writeln!(
                    io::stderr(),
                    "rct: cannot remove everything of this run from the container engine: {error}\n\
                     run `rct clean` later"
                ));
            }
        }
    }
}

/// Runs a program in a folder, with more environment variables, and returns what it prints on stdout.
///
/// Dropping the future kills the program.
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
        // A process group of its own keeps Ctrl-C away from it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => EngineError::NoProgram(program.to_owned()),
            _ => EngineError::NotRun { program: program.to_owned(), source: error },
        })?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(read(output), read(errors), child.wait()) };
    let command = || shown_command(program, arguments);
    let (output, errors, status) =
        timeout(limit, all).await.map_err(|_| EngineError::TimedOut { command: command(), limit })?;
    let status = status.map_err(|source| EngineError::NotRun { program: program.to_owned(), source })?;
    if status.success() { Ok(output) } else { Err(failed(command(), status, &errors, &output)) }
}

/// The program and its subcommand, such as `docker network create`.
fn shown_command(program: &str, arguments: &[&str]) -> String {
    let subcommand = arguments.iter().take(2).take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    std::iter::once(&program).chain(subcommand).copied().collect::<Vec<_>>().join(" ")
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // After an error there is no more than what was read before it.
        let _read = pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn failed(command: String, status: ExitStatus, errors: &str, output: &str) -> EngineError {
    let is_reason = |line: &&str| {
        let lower = line.to_ascii_lowercase();
        ["error", "cannot", "denied", "not found", "no such"].iter().any(|word| lower.contains(word))
    };
    let lines = || errors.lines().chain(output.lines()).map(str::trim).filter(|line| !line.is_empty());
    let said = lines().rfind(is_reason).or_else(|| lines().next_back()).unwrap_or("it printed nothing");
    let said = said.chars().filter(|c| !c.is_control()).take(ERROR_CHARACTERS).collect();
    EngineError::Failed { command, status, said, output: format!("{errors}\n{output}") }
}

/// Finds a program on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}
