//! Kills every process that works in a folder, and removes the folder. Nothing outside the folder is touched.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

#[cfg(not(target_os = "linux"))]
use by_pid_file::kill_all_in;
#[cfg(target_os = "linux")]
use linux::kill_all_in;

const PAUSE: Duration = Duration::from_millis(5);

/// Kills the processes and removes the folder, until both are gone.
///
/// It ends only when it finds no process after the removal. From then on no process can enter the folder: a child that
/// was about to start there has either started, and was found, or fails to start.
///
/// # Errors
///
/// The last error, if something is left after `limit`.
pub(crate) fn sweep(folder: &Path, limit: Duration) -> io::Result<()> {
    let started = Instant::now();
    loop {
        let mut killed = kill_all_in(folder)?;
        let removed = remove(folder);
        if removed.is_ok() {
            killed += kill_all_in(folder)?;
        }
        match removed {
            Ok(()) if killed == 0 => return Ok(()),
            Err(error) if started.elapsed() > limit => return Err(error),
            Ok(()) if started.elapsed() > limit => return Err(io::ErrorKind::TimedOut.into()),
            _ => std::thread::sleep(PAUSE),
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::fs;
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

    /// What the system adds to the path of a working directory that was removed.
    const REMOVED: &[u8] = b" (deleted)";

    /// Kills every process whose working directory is in the folder, and returns the number of processes.
    pub(crate) fn kill_all_in(folder: &Path) -> io::Result<usize> {
        let mut killed = 0;
        for entry in fs::read_dir("/proc")? {
            // A process may end while rct reads the list.
            let Ok(entry) = entry else { continue };
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid
                && works_in(pid, folder)
                && kill(pid, folder)
            {
                killed += 1;
            }
        }
        Ok(killed)
    }

    /// Kills a process if it works in the folder, but not another one that has got its number meanwhile.
    fn kill(pid: Pid, folder: &Path) -> bool {
        match pidfd_open(pid, PidfdFlags::empty()) {
            // The handle belongs to the process that had the number when rct opened it. A second look at the folder
            // makes sure that it is the right one.
            Ok(handle) => works_in(pid, folder) && pidfd_send_signal(handle, Signal::KILL).is_ok(),
            // Linux before 5.3 has no such handles.
            Err(rustix::io::Errno::NOSYS) => works_in(pid, folder) && kill_process(pid, Signal::KILL).is_ok(),
            Err(_) => false,
        }
    }

    fn works_in(pid: Pid, folder: &Path) -> bool {
        fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero()))
            .is_ok_and(|cwd| still_named(&cwd).starts_with(folder))
    }

    fn still_named(directory: &Path) -> PathBuf {
        let bytes = directory.as_os_str().as_bytes();
        PathBuf::from(OsStr::from_bytes(bytes.strip_suffix(REMOVED).unwrap_or(bytes)))
    }
}

/// Finds processes on systems without /proc, by files in which rct notes them.
#[cfg(any(not(target_os = "linux"), test))]
pub(crate) mod by_pid_file {
    use std::fs;
    use std::io;
    use std::path::Path;
    use std::process::Command;

    use rustix::process::{Pid, Signal, kill_process};

    /// The file in the folder of a process that identifies it.
    pub(crate) const PID_FILE: &str = "pid";
    /// How many levels below the guarded folder the folders of processes may be.
    const DEPTH: usize = 2;

    /// Notes the process that works in a folder: its number and its start, because the system reuses numbers.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "only its counterpart is tested here"))]
    pub(crate) fn note(folder: &Path, pid: u32) -> io::Result<()> {
        fs::write(folder.join(PID_FILE), format!("{pid}\n{}\n", start_of(pid)?))
    }

    /// Kills every process that is noted in the folder or up to two levels below, and returns the number of processes.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "tested here, used elsewhere"))]
    pub(crate) fn kill_all_in(folder: &Path) -> io::Result<usize> {
        kill_noted(folder, DEPTH)
    }

    fn kill_noted(folder: &Path, depth: usize) -> io::Result<usize> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut killed = usize::from(kill_noted_in(folder)?);
        if depth > 0 {
            for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                killed += kill_noted(&entry.path(), depth - 1)?;
            }
        }
        Ok(killed)
    }

    fn kill_noted_in(folder: &Path) -> io::Result<bool> {
        let Ok(note) = fs::read_to_string(folder.join(PID_FILE)) else { return Ok(false) };
        let Some((pid, start)) = note.split_once('\n') else { return Ok(false) };
        let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) else { return Ok(false) };
        let same = start_of(pid.as_raw_nonzero().get().unsigned_abs())? == start.trim_end();
        Ok(same && kill_process(pid, Signal::KILL).is_ok())
    }

    /// The start of a process, as `ps` prints it; empty if there is no such process.
    fn start_of(pid: u32) -> io::Result<String> {
        let output = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
