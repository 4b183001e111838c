//! A timer with the precision of the kernel. The timer of tokio has a precision of a millisecond, too coarse for
//! planned instants.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::net::unix::pipe::Receiver;

/// A timer that wakes within tens of microseconds.
pub(super) struct Timer {
    timer: TimerFd,
    /// The same descriptor as a pipe, because the runtime can wait for a pipe and reading works in the same way.
    expirations: Receiver,
}

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let expirations = Receiver::from_owned_fd_unchecked(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self { timer, expirations })
    }

    /// Waits for a duration. Zero only yields to other tasks.
    pub(super) async fn wait(&self, duration: Duration) -> io::Result<()> {
        if duration.is_zero() {
            tokio::task::yield_now().await;
            return Ok(());
        }
        let expiration = Expiration::OneShot(TimeSpec::from_duration(duration));
        self.timer.set(expiration, TimerSetTimeFlags::empty())?;
        loop {
            self.expirations.readable().await?;
            match self.expirations.try_read(&mut [0; 8]) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
