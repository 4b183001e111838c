//! Commands and replies over one connection. Every wait has a time limit.

use std::slice;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::address::Address;
use crate::command::Command;
use crate::error::WireError;
use crate::reply::Reply;

use super::introduce::{accept, introduction};
use super::link::Link;
use super::options::ConnectOptions;
use super::pushes::Pushes;

/// An open connection.
///
/// After a [`WireError`], every later call returns [`WireError::Closed`], so that no command can get the late reply of
/// an earlier one. The same holds after a call is dropped before it ends. An error reply of the server closes nothing.
pub struct Connection {
    link: Link,
    reply_timeout: Duration,
    pushes: Pushes,
    /// Whether a call has started and not ended. If it is set when a call starts, the caller dropped the last one.
    is_calling: bool,
}

impl Connection {
    /// Opens a connection, sends AUTH if the options have a user or password, and HELLO 3 if they ask for RESP3.
    ///
    /// # Errors
    ///
    /// Those of [`Stream::open`](super::Stream::open) and [`WireError::TimedOut`] while connecting, [`WireError::Refused`]
    /// if the server answers AUTH or HELLO with an error, and every error of [`Connection::call`].
    pub async fn open(options: &ConnectOptions) -> Result<Self, WireError> {
        let mut connection = Self {
            link: Link::open(options).await?,
            reply_timeout: options.reply_timeout,
            pushes: Pushes::default(),
            is_calling: false,
        };
        for (name, command) in introduction(&options.access, options.protocol) {
            accept(name, &connection.call(&command).await?, options)?;
        }
        Ok(connection)
    }

    /// A number that identifies this connection within the process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.link.id
    }

    /// The address to which it connected.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.link.address
    }

    /// Whether the connection was closed, by rct or by the server as far as rct has noticed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.link.is_open()
    }

    /// Sends a command and waits for its reply. Pushes that arrive first are kept for [`Connection::next_push`].
    ///
    /// For SUBSCRIBE and similar commands, the first confirmation is the reply, even if it is a push. A command with
    /// several channels gets one confirmation for each; `next_push` returns the others. In RESP2, messages of a
    /// subscription are kept in the same way.
    ///
    /// # Errors
    ///
    /// [`WireError::TimedOut`], [`WireError::Closed`], [`WireError::Io`], [`WireError::Protocol`] and
    /// [`WireError::EmptyCommand`].
    pub async fn call(&mut self, command: &Command) -> Result<Reply, WireError> {
        let mut replies = self.pipeline(slice::from_ref(command)).await?;
        replies.pop().ok_or_else(|| self.link.closed())
    }

    /// Sends all commands at once and waits for their replies, in order.
    ///
    /// It reads while it writes, so a pipeline of any size can make progress. The reply timeout starts again after each
    /// reply.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`]. After an error, the replies that arrived before it are lost too.
    pub async fn pipeline(&mut self, commands: &[Command]) -> Result<Vec<Reply>, WireError> {
        let mut unsent = BytesMut::new();
        for command in commands {
            unsent.extend_from_slice(&packed(command)?);
        }
        self.begin()?;
        for command in commands {
            self.pushes.expect(command);
            self.link.tell_sent(|| shown(command));
        }
        let mut unsent = unsent.freeze();
        let mut replies = Vec::with_capacity(commands.len());
        let limit = self.reply_timeout;
        for command in commands {
            let waited = timeout(limit, self.reply_to(command, &mut unsent)).await;
            replies.push(self.settle(waited, || format!("did not reply to {}", command.name()), limit)?);
        }
        self.is_calling = false;
        Ok(replies)
    }

    /// Sends a command and does not wait for its reply.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn send(&mut self, command: &Command) -> Result<(), WireError> {
        let packed = packed(command)?;
        self.pushes.expect(command);
        self.link.tell_sent(|| shown(command));
        self.write(&packed).await
    }

    /// Sends bytes unchanged, even if they are malformed. A tap sees the same bytes, with the password masked.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.link.tell_sent(|| Bytes::copy_from_slice(bytes));
        self.write(bytes).await
    }

    /// Waits for the next reply or push, for at most the reply timeout.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn receive(&mut self) -> Result<Reply, WireError> {
        self.receive_within(self.reply_timeout).await
    }

    /// Waits for the next reply or push. If nothing arrives within the limit, the connection is closed.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn receive_within(&mut self, limit: Duration) -> Result<Reply, WireError> {
        let waited = timeout(limit, self.link.exchange(&mut Bytes::new())).await;
        self.settle(waited, || "did not send a reply".to_owned(), limit)
    }

    /// Returns the oldest push that was kept, or else waits for the next one. Messages of RESP2 subscriptions count too.
    ///
    /// Returns `None` if nothing arrives within the limit, and leaves the connection open. Call it only while no reply
    /// is due, because it would return that reply.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`], except that it does not fail with [`WireError::TimedOut`].
    pub async fn next_push(&mut self, within: Duration) -> Result<Option<Reply>, WireError> {
        if let Some(push) = self.pushes.next() {
            return Ok(Some(push));
        }
        match timeout(within, self.link.exchange(&mut Bytes::new())).await {
            Err(_elapsed) => Ok(None),
            waited => self.settle(waited, || "did not send a push".to_owned(), within).map(Some),
        }
    }

    /// How many pushes were dropped because too many were waiting to be read.
    #[must_use]
    pub fn pushes_dropped(&self) -> u64 {
        self.pushes.dropped()
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.begin()?;
        let limit = self.reply_timeout;
        let waited = timeout(limit, self.link.write(bytes)).await;
        self.settle(waited, || "did not take a command".to_owned(), limit)?;
        self.is_calling = false;
        Ok(())
    }

    /// Marks the start of a call. Closes the connection if the last call was dropped before its end.
    fn begin(&mut self) -> Result<(), WireError> {
        if std::mem::replace(&mut self.is_calling, true) {
            self.link.close();
        }
        if self.link.is_open() { Ok(()) } else { Err(self.link.closed()) }
    }

    async fn reply_to(&mut self, command: &Command, unsent: &mut Bytes) -> Result<Reply, WireError> {
        loop {
            let reply = self.link.exchange(unsent).await?;
            if self.pushes.is_reply(&reply, command) {
                return Ok(reply);
            }
            self.pushes.keep(reply);
        }
    }

    /// Turns the result of a wait into the call's result. Any error closes the connection.
    fn settle<T>(
        &mut self,
        waited: Result<Result<T, WireError>, Elapsed>,
        what: impl FnOnce() -> String,
        limit: Duration,
    ) -> Result<T, WireError> {
        let settled = waited
            .unwrap_or_else(|_| Err(WireError::TimedOut { what: format!("{} {}", self.link.address, what()), limit }));
        if settled.is_err() {
            self.link.close();
        }
        settled
    }
}

fn packed(command: &Command) -> Result<Vec<u8>, WireError> {
    if command.args().is_empty() { Err(WireError::EmptyCommand) } else { Ok(command.pack()) }
}

/// The command as a tap sees it.
fn shown(command: &Command) -> Bytes {
    command.redacted().as_ref().unwrap_or(command).pack().into()
}
