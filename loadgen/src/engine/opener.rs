//! Opens connections on the conducting thread, for engines that cannot wait for name resolution and handshakes.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use wire::{Address, Stream, WireError};

use super::unopened::Unopened;

/// The most requests that may wait; each worker has at most one for each of its sockets.
pub(crate) const OPEN_REQUESTS_MAX: usize = crate::plan::CLIENTS_MAX;

/// A worker's request to open a connection for a socket.
pub(crate) struct OpenRequest {
    pub(super) socket: usize,
    pub(super) address: Arc<Address>,
    pub(super) reply: Sender<Opened>,
}

/// The result of a request: the socket's number, and a blocking connection or the reason why there is none.
pub(super) type Opened = (usize, Result<TcpStream, Unopened>);

/// Opens the connections that workers request, until the run ends.
pub(crate) async fn keep_opening(mut requests: Receiver<OpenRequest>, connect_timeout: Duration) {
    let mut opening = FuturesUnordered::new();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => opening.push(open(request, connect_timeout)),
                None => break,
            },
            Some(()) = opening.next() => {}
        }
    }
    // All workers have ended. The caller drops this future when the run ends.
    std::future::pending().await
}

async fn open(request: OpenRequest, limit: Duration) {
    let address = &*request.address;
    let opened = match timeout(limit, connect(address)).await {
        Ok(opened) => opened.map_err(|error| Unopened::because(&error)),
        Err(_) => Err(Unopened::late(address, limit)),
    };
    // Sending fails if the worker has ended; it no longer needs the connection.
    let _gone = request.reply.send((request.socket, opened));
}

/// Opens a connection whose calls wait, as `io_uring` needs it.
async fn connect(address: &Address) -> Result<TcpStream, WireError> {
    let refuse = |source| WireError::Connect { address: address.clone(), source };
    let Stream::Plain(stream) = Stream::open(address, None).await? else {
        unreachable!("a stream without TLS is plain")
    };
    let stream = stream.into_std().map_err(refuse)?;
    stream.set_nonblocking(false).map_err(refuse)?;
    Ok(stream)
}
