//! Opens connections for engines that cannot wait for names and handshakes, on the thread that conducts the run.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use wire::Address;

use crate::outcome::Outcome;

/// The wishes that may wait; each worker has at most one for each of its sockets.
pub(crate) const WISHES_MAX: usize = crate::plan::CLIENTS_MAX;

/// A worker's wish for a connection.
pub(crate) struct Wish {
    pub(super) socket: usize,
    pub(super) address: Arc<Address>,
    pub(super) reply: Sender<Opened>,
}

/// What became of a wish: a connection that blocks, or why there is none.
pub(super) type Opened = (usize, Result<TcpStream, Outcome>);

/// Fulfils wishes for as long as the run lasts.
pub(crate) async fn keep_opening(mut wishes: Receiver<Wish>, connect_timeout: Duration) {
    let mut opening = FuturesUnordered::new();
    loop {
        tokio::select! {
            // Workers wish for few at a time.
            wish = wishes.recv() => match wish {
                Some(wish) => opening.push(open(wish, connect_timeout)),
                None => break,
            },
            Some(()) = opening.next() => {}
        }
    }
    // All workers have gone; the conductor is about to follow.
    std::future::pending().await
}

async fn open(wish: Wish, limit: Duration) {
    let Address { host, port, .. } = &*wish.address;
    let opened = match timeout(limit, tokio::net::TcpStream::connect((host.as_str(), *port))).await {
        Ok(opened) => opened.and_then(into_blocking).map_err(|_| Outcome::Refused),
        Err(_) => Err(Outcome::Timeout),
    };
    // A worker that has ended wants it no longer.
    let _gone = wish.reply.send((wish.socket, opened));
}

fn into_blocking(stream: tokio::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}
