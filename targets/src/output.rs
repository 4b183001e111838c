//! What a child process says, within bounds: neither its silence nor its talk may cost more than is allowed.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ChildStdout;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

/// Reads what a child writes, until it closes its output or has written `bytes`.
///
/// # Errors
///
/// What the system says, or `TimedOut` after `limit`.
pub(crate) async fn read_at_most(output: ChildStdout, bytes: usize, limit: Duration) -> io::Result<Vec<u8>> {
    let receiver = Receiver::from_owned_fd(OwnedFd::from(output))?;
    let mut read = Vec::new();
    let mut bounded = receiver.take(bytes as u64);
    match timeout(limit, bounded.read_to_end(&mut read)).await {
        Ok(done) => done.map(|_| read),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
