//! Kills what a container runs at once, where its processes are of this machine and may be signalled.
//!
//! The engine tells of the end of a container only when it has cleared up after it, which on a busy machine takes many
//! times the node timeout; nobody could say when the server died.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a killed process may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(10);
const GONE_POLL: Duration = Duration::from_millis(1);

/// Kills a container's first process, and with it all of its others, and waits until it is gone; gives whether that
/// was possible.
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

/// A process can be read from when it has ended (pidfd_open(2)).
fn has_ended(process: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(process, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// The process of a number, if it belongs to a container: on the machine of another engine it may be anybody's.
fn process_of(container: &str, pid: i32) -> Option<OwnedFd> {
    let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    // Looked at after it is held, since a number is given to others when its process is gone.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.contains(container).then_some(process)
}
