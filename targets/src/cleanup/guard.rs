//! The guard: a second process that cleans up after rct, however rct ends.
//!
//! rct starts itself again as `rct __guard FOLDER`, before it creates that folder. The guard holds the reading end of a
//! pipe, and only rct holds the writing end. When the pipe closes, rct has ended. The guard then kills every process
//! that works in the folder, and removes the folder. A signal handler could not do that, because SIGKILL has none. If
//! the folder contains a certain file, the guard also removes what the run created in a container engine.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use crate::cleanup::leftovers::{self, Scope};
use crate::cleanup::places::FOLDER_PREFIX;
use crate::cleanup::run_name::RunName;
use crate::cleanup::sweep::sweep;
use crate::output::read_at_most;

/// The hidden subcommand that makes a process the guard.
pub const SUBCOMMAND: &str = "__guard";

/// The file in the folder that says that the run uses a container engine.
pub(crate) const ENGINE_FILE: &str = "engine";

const READY: &[u8] = b"ready\n";
/// How long the guard may take to start.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long the guard may take to end the processes and remove the folder.
const SWEEP_LIMIT: Duration = Duration::from_secs(60);
/// How long rct waits for the guard to end after an orderly run, which leaves the guard nothing to do.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);
const RELEASE_POLL: Duration = Duration::from_millis(1);

/// The guard as rct sees it: while this value exists, the guard cleans up if rct ends.
pub struct Guard {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts the guard of a folder that does not exist yet, and waits until it is ready.
    ///
    /// `program` is the program of rct itself.
    ///
    /// # Errors
    ///
    /// The guard cannot be started, or does not say within 10 s that it is ready.
    pub async fn watch(program: &Path, folder: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(SUBCOMMAND)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .current_dir("/")
            // A process group of its own keeps Ctrl-C away from it.
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take();
        let output = child.stdout.take();
        let guard = Self { child, pipe };
        let said = match output {
            Some(output) => read_at_most(output, READY.len(), START_LIMIT).await?,
            None => Vec::new(),
        };
        if said == READY { Ok(guard) } else { Err(io::Error::other("the guard process of rct did not start")) }
    }
}

impl Drop for Guard {
    /// Tells the guard to clean up and end, and waits at most 5 s for it.
    fn drop(&mut self) {
        drop(self.pipe.take());
        let started = Instant::now();
        // A guard that needs longer finishes by itself.
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < RELEASE_LIMIT {
            std::thread::sleep(RELEASE_POLL);
        }
    }
}

/// Does the work of the guard if this process was started as the guard, and returns its exit status.
///
/// A program must call this before anything else.
#[must_use]
pub fn take_over() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).take(3).collect();
    match arguments.as_slice() {
        [subcommand, folder] if subcommand == OsStr::new(SUBCOMMAND) => Some(stand_guard(Path::new(folder))),
        _ => None,
    }
}

fn stand_guard(folder: &Path) -> ExitCode {
    ignore_signals();
    if !is_guardable(folder) || io::stdout().write_all(READY).and_then(|()| io::stdout().flush()).is_err() {
        return ExitCode::FAILURE;
    }
    read_to_end(io::stdin());
    let uses_engine = folder.join(ENGINE_FILE).exists();
    // First the processes, because they may still create something in the engine.
    let swept = sweep(folder, SWEEP_LIMIT);
    let removed = if uses_engine { remove_from_engine(folder) } else { Ok(()) };
    match swept.and(removed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn remove_from_engine(folder: &Path) -> io::Result<()> {
    leftovers::remove(None, &Scope::Run(RunName::of_folder(folder)?), true).map(drop)
}

/// Ignores the signals that a user may send to all processes of rct, because they must not end the guard.
fn ignore_signals() {
    let blocked = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ];
    // It cannot fail for signals that exist.
    let _blocked = SigSet::from_iter(blocked).thread_block();
}

/// Whether the folder does not exist yet and has a name of rct. The guard must not remove any other folder.
fn is_guardable(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.is_absolute() && name.starts_with(FOLDER_PREFIX) && folder.symlink_metadata().is_err()
}

/// Reads until the other end of the pipe closes.
fn read_to_end(mut pipe: impl Read) {
    let mut ignored = [0; 64];
    loop {
        match pipe.read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_folders_with_our_prefix_are_guarded() {
        assert!(is_guardable(&std::env::temp_dir().join("rct-0123456789abcdef")));
        assert!(!is_guardable(Path::new("/")));
        assert!(!is_guardable(Path::new("/home/rct")));
        assert!(!is_guardable(Path::new("rct-relative")));
        let existing = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir().unwrap();
        assert!(!is_guardable(existing.path()));
    }
}
