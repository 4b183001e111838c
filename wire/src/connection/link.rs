//! The bytes of a connection: the stream, the read buffer, the ends of replies, and the tap.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::access::{MASK, Secret};
use crate::address::Address;
use crate::error::WireError;
use crate::frame::Framer;
use crate::reply::Reply;

use super::options::{ConnectOptions, Tap};
use super::stream::Stream;

/// How many bytes one read asks for.
const READ_BYTES: usize = 16 * 1024;
/// Replies up to this size are copied, so that they do not keep a whole read buffer alive.
const COPIED_BYTES: usize = 64 * 1024;
/// How many bytes of an unfinished reply a tap sees when the connection breaks.
const TORN_BYTES_SHOWN: usize = 4 * 1024;

/// A stream with its buffer. Once closed, it stays closed.
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) address: Address,
    stream: Option<Stream>,
    buffer: BytesMut,
    framer: Framer,
    /// Whether the stream has bytes that were written and not flushed.
    unflushed: bool,
    secret: Option<Secret>,
    tap: Option<Rc<dyn Tap>>,
}

impl Link {
    pub(super) async fn open(options: &ConnectOptions) -> Result<Self, WireError> {
        let limit = options.connect_timeout;
        let stream =
            timeout(limit, Stream::open(&options.address, options.access.tls.as_ref())).await.map_err(|_| {
                WireError::TimedOut { what: format!("{} did not accept a connection", options.address), limit }
            })??;
        let link = Self {
            id: next_id(),
            address: options.address.clone(),
            stream: Some(stream),
            buffer: BytesMut::new(),
            framer: Framer::new(options.frame_limits),
            unflushed: false,
            secret: options.access.password.clone(),
            tap: options.tap.clone(),
        };
        if let Some(tap) = &link.tap {
            tap.opened(link.id, &link.address);
        }
        Ok(link)
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Writes all bytes.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let Some(stream) = &mut self.stream else { return Err(self.closed()) };
        let written = match stream.write_all(bytes).await {
            Ok(()) => stream.flush().await,
            error => error,
        };
        written.map_err(|source| self.lost(source))
    }

    /// Writes the unsent bytes while it reads, until one whole reply has arrived.
    ///
    /// It can be dropped at any point and called again: it remembers what it has read and written.
    pub(super) async fn exchange(&mut self, unsent: &mut Bytes) -> Result<Reply, WireError> {
        loop {
            if let Some(end) = self.framer.scan(&self.buffer)? {
                return self.take_reply(end);
            }
            let Some(stream) = &mut self.stream else { return Err(self.closed()) };
            self.buffer.reserve(READ_BYTES);
            let read = if unsent.is_empty() && !self.unflushed {
                stream.read_buf(&mut self.buffer).await
            } else {
                let (mut reader, mut writer) = tokio::io::split(stream);
                tokio::select! {
                    read = reader.read_buf(&mut self.buffer) => read,
                    written = write_some(&mut writer, unsent, &mut self.unflushed) => match written {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                }
            };
            match read {
                Ok(0) => return Err(self.closed()),
                Ok(_) => {}
                Err(source) => return Err(self.lost(source)),
            }
        }
    }

    /// Closes the stream. A tap sees the beginning of an unfinished reply.
    pub(super) fn close(&mut self) {
        if self.stream.take().is_some() {
            if let Some(tap) = &self.tap {
                let torn = &self.buffer[..self.buffer.len().min(TORN_BYTES_SHOWN)];
                if !torn.is_empty() {
                    tap.received(self.id, &self.address, &self.masked(torn));
                }
                tap.closed(self.id, &self.address);
            }
            self.buffer.clear();
        }
    }

    /// Shows the tap the bytes that are about to be sent.
    pub(super) fn tell_sent(&self, bytes: impl FnOnce() -> Bytes) {
        if let (Some(tap), true) = (&self.tap, self.is_open()) {
            tap.sent(self.id, &self.address, &self.masked(&bytes()));
        }
    }

    pub(super) fn closed(&self) -> WireError {
        WireError::Closed { address: self.address.clone() }
    }

    fn take_reply(&mut self, end: usize) -> Result<Reply, WireError> {
        let bytes = if end <= COPIED_BYTES {
            let copy = Bytes::copy_from_slice(&self.buffer[..end]);
            self.buffer.advance(end);
            copy
        } else {
            self.buffer.split_to(end).freeze()
        };
        if let Some(tap) = &self.tap {
            tap.received(self.id, &self.address, &self.masked(&bytes));
        }
        Ok(Reply::of_frame(bytes)?)
    }

    fn lost(&self, source: io::Error) -> WireError {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};
        match source.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => self.closed(),
            // In TLS 1.3, a server refuses the client's certificate after the handshake.
            InvalidData => WireError::Tls { address: self.address.clone(), source },
            _ => WireError::Io { address: self.address.clone(), source },
        }
    }

    /// The bytes with `***` in place of this connection's password, which a server may repeat.
    fn masked<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let secret = self.secret.as_ref().map_or("", Secret::expose).as_bytes();
        if secret.is_empty() || memmem::find(bytes, secret).is_none() {
            return Cow::Borrowed(bytes);
        }
        let mut masked = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for at in memmem::find_iter(bytes, secret) {
            masked.extend_from_slice(&bytes[from..at]);
            masked.extend_from_slice(MASK.as_bytes());
            from = at + secret.len();
        }
        masked.extend_from_slice(&bytes[from..]);
        Cow::Owned(masked)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes a part of the unsent bytes, and flushes after the last part. It can be dropped at any point and called again.
async fn write_some(
    writer: &mut (impl AsyncWriteExt + Unpin),
    unsent: &mut Bytes,
    unflushed: &mut bool,
) -> io::Result<()> {
    if !unsent.is_empty() {
        *unflushed = true;
        if writer.write_buf(unsent).await? == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
    }
    if unsent.is_empty() {
        writer.flush().await?;
        *unflushed = false;
    }
    Ok(())
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
