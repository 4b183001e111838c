//! The guard: a second process that clears up after rct, however rct ends.
//!
//! rct starts itself again as `rct __guard FOLDER`, before it creates that folder. The guard holds the reading end of a
//! pipe whose writing end only rct has; when the pipe closes, rct is gone or done, and the guard ends every process
//! that works in the folder and removes it. No signal handler could promise that, since SIGKILL has none. Where a file
//! in the folder says so, it removes what the run has made in a container engine, too.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use crate::cleanup::leftovers::{self, Whose};
use crate::cleanup::places::FOLDER_PREFIX;
use crate::cleanup::run_name::RunName;
use crate::cleanup::sweep::sweep;
use crate::output::read_at_most;

/// The hidden subcommand that makes a process a guard.
pub const SUBCOMMAND: &str = "__guard";

/// The file in the folder that says that there is something in a container engine.
pub(crate) const ENGINE_FILE: &str = "engine";

const READY: &[u8] = b"ready\n";
/// How long a guard may take to start.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a guard may take to clear up.
const SWEEP_LIMIT: Duration = Duration::from_secs(60);
/// How long rct waits for its guard to end after an orderly run, which has left nothing to clear up.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);
const RELEASE_POLL: Duration = Duration::from_millis(1);

/// rct's side: while this lives, the folder is cleared up after rct.
pub struct Guard {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts a guard for a folder that does not exist yet, and waits until it is on duty.
    ///
    /// `program` is rct itself.
    ///
    /// # Errors
    ///
    /// If the guard cannot be started, or does not say within 10 s that it is ready.
    pub async fn watch(program: &Path, folder: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(SUBCOMMAND)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .current_dir("/")
            // Of its own, so that Ctrl-C does not reach it.
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take();
        let output = child.stdout.take();
        let guard = Self { child, pipe };
        let said = match output {
            Some(output) => read_at_most(output, READY.len(), START_LIMIT).await?,
            None => Vec::new(),
        };
        if said == READY { Ok(guard) } else { Err(io::Error::other("it did not say that it is ready")) }
    }
}

impl Drop for Guard {
    /// Releases the guard, and waits at most 5 s until it has made sure that nothing is left.
    fn drop(&mut self) {
        drop(self.pipe.take());
        let started = Instant::now();
        // A guard that needs longer goes on by itself, and so does one that the system does not tell about.
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < RELEASE_LIMIT {
            std::thread::sleep(RELEASE_POLL);
        }
    }
}

/// The guard's side: does the guard's work if this process was started as one, and then gives its exit status.
///
/// To be called before anything else.
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
    await_end(io::stdin());
    let uses_engine = folder.join(ENGINE_FILE).exists();
    // First whoever may be about to make more.
    let swept = sweep(folder, SWEEP_LIMIT);
    let removed = if uses_engine { remove_from_engine(folder) } else { Ok(()) };
    match swept.and(removed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn remove_from_engine(folder: &Path) -> io::Result<()> {
    leftovers::remove(None, &Whose::Run(RunName::of_folder(folder)?), true).map(drop)
}

/// Whoever ends rct by its name, its group or its terminal must not end the guard with it.
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
    // Fails for no set of existing signals.
    let _blocked = SigSet::from_iter(blocked).thread_block();
}

/// A folder that is not there yet and has a name that only rct gives: whatever else it might be, it is not ours.
fn is_guardable(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.is_absolute() && name.starts_with(FOLDER_PREFIX) && folder.symlink_metadata().is_err()
}

/// Reads until the other end of the pipe is closed.
fn await_end(mut pipe: impl Read) {
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
