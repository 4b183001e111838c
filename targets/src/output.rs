//! Reads the output of a child process, with a limit on its length and on the time.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

/// Reads the output of a child until it closes the output or has written `bytes`.
///
/// # Errors
///
/// The output cannot be read; `TimedOut` after `limit`.
pub(crate) async fn read_at_most(output: impl Into<OwnedFd>, bytes: usize, limit: Duration) -> io::Result<Vec<u8>> {
    let receiver = Receiver::from_owned_fd(output.into())?;
    let mut read = Vec::new();
    let mut bounded = receiver.take(bytes as u64);
    match timeout(limit, bounded.read_to_end(&mut read)).await {
        Ok(done) => done.map(|_| read),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
