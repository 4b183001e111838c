//! Commands and replies over one connection, each wait with a limit.

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
/// After an error of its own (not of the server: that is a reply) it answers [`WireError::Closed`], so that a late reply
/// cannot be taken for that of a later command. The same holds if a call is dropped before it ended.
pub struct Connection {
    link: Link,
    reply_timeout: Duration,
    pushes: Pushes,
    /// A call is under way; if this is still set when the next one starts, its caller gave up waiting.
    amid: bool,
}

impl Connection {
    /// Opens a connection, authenticates if a user or password is given, and asks for RESP3 if that is wanted.
    ///
    /// # Errors
    ///
    /// [`WireError::Connect`], [`WireError::Tls`] and [`WireError::TimedOut`] while connecting; [`WireError::Refused`]
    /// if the server answers AUTH or HELLO with an error; whatever [`Connection::call`] may answer.
    pub async fn open(options: &ConnectOptions) -> Result<Self, WireError> {
        let mut connection = Self {
            link: Link::open(options).await?,
            reply_timeout: options.reply_timeout,
            pushes: Pushes::default(),
            amid: false,
        };
        for (name, command) in introduction(&options.access, options.protocol) {
            accept(name, &connection.call(&command).await?, options)?;
        }
        Ok(connection)
    }

    /// A number that no other connection of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.link.id
    }

    /// The address that was dialled.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.link.address
    }

    /// Whether the connection was given up or seen to be closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.link.is_open()
    }

    /// Sends a command and awaits its reply; pushes that come before are set aside for [`Connection::next_push`].
    ///
    /// A confirmation of SUBSCRIBE and its kin is the reply, also where it comes as a push. A command that several
    /// channels are given to has one for each; the further ones are read by `next_push`. In RESP2 the messages of a
    /// subscription are set aside in the same way.
    ///
    /// # Errors
    ///
    /// [`WireError::TimedOut`], [`WireError::Closed`], [`WireError::Io`], [`WireError::Protocol`] and
    /// [`WireError::EmptyCommand`].
    pub async fn call(&mut self, command: &Command) -> Result<Reply, WireError> {
        let mut replies = self.pipeline(slice::from_ref(command)).await?;
        replies.pop().ok_or_else(|| self.link.closed())
    }

    /// Sends commands at once and awaits their replies, in order; reads while it writes, so that any number will do.
    ///
    /// The reply timeout is for each reply after the one before.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`]; replies that came before the error are lost with it.
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
            replies.push(self.settle(waited, || format!("await the reply to {}", command.name()), limit)?);
        }
        self.amid = false;
        Ok(replies)
    }

    /// Sends a command without awaiting its reply.
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

    /// Sends bytes as they are, well-formed or not. A tap sees them as they are.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.link.tell_sent(|| Bytes::copy_from_slice(bytes));
        self.write(bytes).await
    }

    /// Awaits whatever comes next, a reply or a push, for the reply timeout.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn receive(&mut self) -> Result<Reply, WireError> {
        self.receive_within(self.reply_timeout).await
    }

    /// Awaits whatever comes next, a reply or a push. If nothing comes the connection is not usable afterwards.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn receive_within(&mut self, limit: Duration) -> Result<Reply, WireError> {
        let waited = timeout(limit, self.link.exchange(&mut Bytes::new())).await;
        self.settle(waited, || "await a reply".to_owned(), limit)
    }

    /// The next push that was set aside, or else whatever comes next: messages of a subscription, also in RESP2.
    ///
    /// Nothing within the limit is `None`, and the connection stays usable: ask only while no reply is due.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`], but for the time limit.
    pub async fn next_push(&mut self, within: Duration) -> Result<Option<Reply>, WireError> {
        if let Some(push) = self.pushes.next() {
            return Ok(Some(push));
        }
        match timeout(within, self.link.exchange(&mut Bytes::new())).await {
            Err(_elapsed) => Ok(None),
            waited => self.settle(waited, || "await a push".to_owned(), within).map(Some),
        }
    }

    /// How many pushes were dropped because more waited than are kept.
    #[must_use]
    pub fn pushes_dropped(&self) -> u64 {
        self.pushes.dropped()
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.begin()?;
        let limit = self.reply_timeout;
        let waited = timeout(limit, self.link.write(bytes)).await;
        self.settle(waited, || "send a command".to_owned(), limit)?;
        self.amid = false;
        Ok(())
    }

    /// Gives the connection up if the call before was not awaited to its end.
    fn begin(&mut self) -> Result<(), WireError> {
        if std::mem::replace(&mut self.amid, true) {
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

    /// Turns the end of a wait into an answer; any fault ends the connection.
    fn settle<T>(
        &mut self,
        waited: Result<Result<T, WireError>, Elapsed>,
        what: impl FnOnce() -> String,
        limit: Duration,
    ) -> Result<T, WireError> {
        let settled = waited.unwrap_or_else(|_| {
            Err(WireError::TimedOut { what: format!("{} from {}", what(), self.link.address), limit })
        });
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
