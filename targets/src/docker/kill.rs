//! Kills the server of a container by a signal, if the server is a process of this machine that rct may signal.
//!
//! The engine reports the end of a container only after it has cleaned up, which can take many times the node timeout
//! on a busy machine. A check must know when the server died.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a killed process may take to end.
const GONE_LIMIT: Duration = Duration::from_secs(10);
const GONE_POLL: Duration = Duration::from_millis(1);

/// Kills the first process of a container, and so all of them, and waits until it has ended.
///
/// Returns whether that was possible.
pub(crate) async fn kill_at_once(container: &str, pid: i32) -> bool {
    let Some(process) = process_of(container, pid) else { return false };
    if pidfd_send_signal(&process, Signal::KILL).is_err() {
        return false;
    }
    let started = Instant::now();
    while !has_ended(&process) {
        if started.elapsed() > GONE_LIMIT {
            return false;
        }
        tokio::time::sleep(GONE_POLL).await;
    }
    true
}

/// Whether a process has ended: its handle is then readable (pidfd_open(2)).
pub(crate) fn has_ended(process: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(process, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Opens the process with a number, if it belongs to the container.
///
/// If the engine runs on another machine, the number may be that of any process of this one.
pub(crate) fn process_of(container: &str, pid: i32) -> Option<OwnedFd> {
    let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    // Read after the process is open: the system gives the number of a process that has ended to another one.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.contains(container).then_some(process)
}
