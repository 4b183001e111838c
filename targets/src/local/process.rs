//! One server process: its folder, its state, the signals to it, and its log.

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use suites::{ControlError, NodeState};

use crate::bootstrap::member::Life;
use crate::crash::{Seen, indented, last_lines, lines_of_crash, names_the_environment, signal_of};
use crate::local::config_file::Settings;

/// The configuration file, which keeps secrets off the command line.
const CONFIG_FILE: &str = "node.conf";
/// The file in which the server keeps its view of the cluster.
const NODES_FILE: &str = "nodes.conf";
/// The file that receives the output and the log of the server.
const LOG_FILE: &str = "log";

/// How many of the last bytes of the log rct searches for a reason outside of the server.
const LOG_TAIL_BYTES: u64 = 4 * 1024;
/// How many of the last bytes of the log rct searches for a crash.
const LOG_SEARCHED_BYTES: u64 = 1024 * 1024;

/// How long a signal may take to have its effect. A killed process ends only after the system has freed its memory.
const SIGNAL_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take to end after SIGTERM. Servers wait up to 10 s for slow replicas.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// The time after which rct sends SIGTERM again.
const SIGTERM_AGAIN: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(2);

/// A server process, with a folder of its own as its working directory.
///
/// Dropping it kills it without waiting.
pub(crate) struct Process {
    program: PathBuf,
    folder: PathBuf,
    child: RefCell<Option<Child>>,
    ended: Cell<Option<ExitStatus>>,
    paused: Cell<bool>,
    /// Whether it ended when it was started again from its own files.
    refused: Cell<bool>,
}

impl Process {
    /// Makes the folder and writes the configuration file, but does not start the server.
    ///
    /// # Errors
    ///
    /// The folder or a file cannot be changed.
    pub(crate) fn new(program: &Path, folder: PathBuf, settings: &Settings) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        settings.write(&folder.join(CONFIG_FILE))?;
        Ok(Self {
            program: program.to_owned(),
            folder,
            child: RefCell::new(None),
            ended: Cell::new(None),
            paused: Cell::new(false),
            refused: Cell::new(false),
        })
    }

    /// Starts the server. `overrides` are settings that hold until the next start; they stand on the command line, so
    /// they must not be secrets.
    ///
    /// # Errors
    ///
    /// The program cannot be run.
    pub(crate) fn start(&self, overrides: &[(&str, String)]) -> io::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join(LOG_FILE))?;
        let mut command = Command::new(&self.program);
        command.arg(CONFIG_FILE);
        for (name, value) in overrides {
            command.arg(format!("--{name}")).arg(value);
        }
        let child = command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A process group of its own, so that Ctrl-C does not end it before rct has written its reports.
            .process_group(0)
            .spawn()?;
        #[cfg(not(target_os = "linux"))]
        crate::cleanup::sweep::by_pid_file::note(&self.folder, child.id())?;
        self.ended.set(None);
        self.refused.set(false);
        self.paused.set(false);
        *self.child.borrow_mut() = Some(child);
        Ok(())
    }

    /// Its state.
    pub(crate) fn state(&self) -> NodeState {
        match self.end() {
            Some(how) => NodeState::Ended(how),
            None if self.paused.get() => NodeState::Paused,
            None => NodeState::Running,
        }
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<String> {
        if let Some(child) = self.child.borrow_mut().as_mut()
            && let Ok(Some(status)) = child.try_wait()
        {
            self.ended.set(Some(status));
        }
        match (self.ended.get(), self.child.borrow().as_ref()) {
            (Some(status), _) => Some(status.to_string()),
            (None, Some(_)) => None,
            (None, None) => Some("it was not started".to_owned()),
        }
    }

    /// Sends SIGKILL and returns at once.
    pub(crate) fn kill_without_waiting(&self) {
        if let Some(pid) = self.running() {
            // The group includes children that write files. If the group has ended, there is nothing to kill.
            let _sent = kill_process_group(pid, Signal::KILL);
        }
    }

    /// Kills it and waits until it has ended.
    ///
    /// # Errors
    ///
    /// It has not ended within 10 s.
    pub(crate) async fn kill(&self) -> Result<(), ControlError> {
        self.kill_without_waiting();
        self.ended(SIGNAL_LIMIT).await
    }

    /// Asks it to end (SIGTERM) and waits until it has ended. A paused process is resumed for that.
    ///
    /// # Errors
    ///
    /// It has not ended within 20 s.
    pub(crate) async fn stop(&self) -> Result<(), ControlError> {
        self.signal(Signal::TERM)?;
        if self.paused.replace(false) {
            self.signal(Signal::CONT)?;
        }
        let started = Instant::now();
        while let Err(error) = self.ended(SIGTERM_AGAIN).await {
            if started.elapsed() > STOP_LIMIT {
                return Err(error);
            }
            // A server that writes its first append-only file ignores SIGTERM.
            self.signal(Signal::TERM)?;
        }
        Ok(())
    }

    /// Pauses it (SIGSTOP), and waits until the system reports that it stands still.
    ///
    /// # Errors
    ///
    /// It has ended, or it still runs after 10 s.
    pub(crate) async fn pause(&self) -> Result<(), ControlError> {
        let pid = self.signal(Signal::STOP)?;
        self.until(SIGNAL_LIMIT, "pause a process", || is_stopped(pid)).await?;
        self.paused.set(true);
        Ok(())
    }

    /// Resumes it (SIGCONT).
    ///
    /// # Errors
    ///
    /// It has ended, or it still stands still after 10 s.
    pub(crate) async fn resume(&self) -> Result<(), ControlError> {
        let pid = self.signal(Signal::CONT)?;
        self.until(SIGNAL_LIMIT, "resume a process", || !is_stopped(pid)).await?;
        self.paused.set(false);
        Ok(())
    }

    /// Removes the data of a server that has ended, but keeps its `nodes.conf`, its configuration and its log.
    ///
    /// # Errors
    ///
    /// The folder or a file cannot be changed.
    pub(crate) fn forget_data(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if [CONFIG_FILE, NODES_FILE, LOG_FILE].iter().any(|kept| entry.file_name() == *kept) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Notes that it ended by itself when it was started again, unless its log names a reason outside of it.
    pub(crate) fn note_refusal(&self) {
        let tail = self.log(LOG_TAIL_BYTES).unwrap_or_default();
        self.refused.set(self.end().is_some() && !names_the_environment(&tail));
    }

    /// How it crashed, as a clause whose subject is the server, with the lines of its log that show it; `None` if it did
    /// not. With `in_log`, the log of a process that still runs is searched too.
    pub(crate) fn crash(&self, in_log: bool) -> Option<(String, Option<String>)> {
        let seen = Seen {
            end: self.end(),
            signal: self.ended.get().and_then(signal_of),
            was_killed: self.was_killed(),
            was_refused: self.refused.get(),
            log_counts: in_log && !self.paused.get(),
        };
        seen.crash(|| self.log(LOG_SEARCHED_BYTES).unwrap_or_default())
    }

    fn was_killed(&self) -> bool {
        self.ended.get().is_some_and(|status| status.signal().is_some() || status.success())
    }

    /// The lines of its log that show a crash, or else the last ones, indented by two spaces; `None` if there are none.
    pub(crate) fn log_tail(&self) -> Option<String> {
        let log = self.log(LOG_SEARCHED_BYTES)?;
        if let Some(lines) = lines_of_crash(&log).filter(|_| self.end().is_some()) {
            return Some(indented(&lines));
        }
        last_lines(&log)
    }

    /// The last bytes of its log.
    fn log(&self, bytes: u64) -> Option<String> {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.folder.join(LOG_FILE))?;
            let start = file.metadata()?.len().saturating_sub(bytes);
            file.seek(SeekFrom::Start(start))?;
            let mut tail = Vec::new();
            file.take(bytes).read_to_end(&mut tail)?;
            Ok(tail)
        };
        read().ok().map(|log| String::from_utf8_lossy(&log).into_owned())
    }

    /// The number of the process while it runs. No other process can have it before rct has noticed the end.
    fn running(&self) -> Option<Pid> {
        if self.end().is_some() {
            return None;
        }
        self.child.borrow().as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?))
    }

    fn signal(&self, signal: Signal) -> Result<Pid, ControlError> {
        let pid = self.running().ok_or_else(|| {
            ControlError::Failed(format!("the server has ended ({})", self.end().unwrap_or_default()))
        })?;
        kill_process(pid, signal).map_err(|error| {
            ControlError::Failed(format!("cannot send a signal to process {}: {error}", pid.as_raw_nonzero()))
        })?;
        Ok(pid)
    }

    async fn ended(&self, limit: Duration) -> Result<(), ControlError> {
        self.until(limit, "end a process", || self.end().is_some()).await
    }

    async fn until(&self, limit: Duration, what: &str, holds: impl Fn() -> bool) -> Result<(), ControlError> {
        let started = Instant::now();
        while !holds() {
            if started.elapsed() > limit {
                return Err(ControlError::TimedOut { what: what.to_owned(), limit });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Life for Process {
    fn end(&self) -> Option<String> {
        Self::end(self)
    }

    fn log_tail(&self) -> Option<String> {
        Self::log_tail(self)
    }

    fn kill_without_waiting(&self) {
        Self::kill_without_waiting(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_without_waiting();
    }
}

/// Whether a process is stopped by SIGSTOP.
#[cfg(target_os = "linux")]
fn is_stopped(pid: Pid) -> bool {
    // The line is `PID (name) STATE ...`, and the name may contain anything (proc(5)).
    fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

/// Whether a process is stopped by SIGSTOP.
#[cfg(not(target_os = "linux"))]
fn is_stopped(pid: Pid) -> bool {
    let listed = Command::new("ps").args(["-o", "stat=", "-p", &pid.as_raw_nonzero().to_string()]).output();
    listed.is_ok_and(|output| output.stdout.trim_ascii_start().starts_with(b"T"))
}
