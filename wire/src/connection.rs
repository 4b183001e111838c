//! One connection to one server: opening it, commands and replies, each wait with a limit, and a tap on every byte.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::access::Access;
use crate::address::Address;
use crate::command::Command;
use crate::error::WireError;
use crate::frame::{FrameLimits, Framer};
use crate::reply::Reply;
use crate::stream::Stream;

/// How long opening a connection may take, unless told otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reply may take, unless told otherwise.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many pushes are kept for [`Connection::next_push`]; beyond that the oldest are dropped.
pub const PUSHES_KEPT: usize = 10_000;

/// Bytes asked of the system at once.
const READ_BYTES: usize = 16 * 1024;
/// Replies up to this size are copied out, so that they do not keep a whole read buffer alive.
const COPIED_BYTES: usize = 64 * 1024;
/// How much of an unfinished reply a tap is shown when the connection breaks.
const TORN_BYTES_SHOWN: usize = 4 * 1024;

/// The version of RESP that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Protocol {
    /// RESP2, which every server speaks without being asked.
    #[default]
    Resp2,
    /// RESP3, asked for by HELLO 3.
    Resp3,
}

/// Sees every byte of the connections that carry it. Secrets of AUTH and the like are replaced before.
pub trait Tap {
    /// The connection was opened; nothing was sent yet.
    fn opened(&self, connection: u64, address: &Address);
    /// Bytes were sent: a command, or what was given to `send_raw`.
    fn sent(&self, connection: u64, address: &Address, bytes: &[u8]);
    /// One reply came, or the beginning of one that the connection broke in.
    fn received(&self, connection: u64, address: &Address, bytes: &[u8]);
    /// The connection was closed, by either side.
    fn closed(&self, connection: u64, address: &Address);
}

/// Where to connect, and how.
#[derive(Clone)]
pub struct ConnectOptions {
    /// The address to dial.
    pub address: Address,
    /// User, password and TLS.
    pub access: Access,
    /// The protocol to speak.
    pub protocol: Protocol,
    /// The limit on opening: name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The limit on a reply, and on the server's taking a command.
    pub reply_timeout: Duration,
    /// The limits on the size of a reply.
    pub frame_limits: FrameLimits,
    /// Who sees the bytes.
    pub tap: Option<Rc<dyn Tap>>,
}

impl ConnectOptions {
    /// Plain RESP2 without AUTH, with the default limits.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            access: Access::default(),
            protocol: Protocol::default(),
            connect_timeout: CONNECT_TIMEOUT,
            reply_timeout: REPLY_TIMEOUT,
            frame_limits: FrameLimits::default(),
            tap: None,
        }
    }
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ConnectOptions")
            .field("address", &self.address)
            .field("access", &self.access)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// An open connection.
///
/// After an error of its own (not of the server: that is a reply) it answers [`WireError::Closed`], so that a late reply
/// cannot be taken for that of a later command.
pub struct Connection {
    id: u64,
    address: Address,
    stream: Option<Stream>,
    reply_timeout: Duration,
    buffer: BytesMut,
    framer: Framer,
    pushes: VecDeque<Reply>,
    pushes_dropped: u64,
    /// Bytes were written that the stream was not yet told to flush.
    unflushed: bool,
    /// A command is under way; if this is still set when the next one starts, its caller gave up waiting.
    amid: bool,
    tap: Option<Rc<dyn Tap>>,
}

impl Connection {
    /// Opens a connection, authenticates if a password or user is given, and asks for RESP3 if that is wanted.
    ///
    /// # Errors
    ///
    /// [`WireError::Connect`], [`WireError::Tls`] and [`WireError::TimedOut`] while connecting; [`WireError::Refused`]
    /// if the server answers AUTH or HELLO with an error; whatever [`Connection::call`] may answer.
    pub async fn open(options: &ConnectOptions) -> Result<Self, WireError> {
        let opening = Stream::open(&options.address, options.access.tls.as_ref());
        let limit = options.connect_timeout;
        let stream = timeout(limit, opening)
            .await
            .map_err(|_| WireError::TimedOut { what: format!("connect to {}", options.address), limit })??;
        let mut connection = Self {
            id: next_id(),
            address: options.address.clone(),
            stream: Some(stream),
            reply_timeout: options.reply_timeout,
            buffer: BytesMut::new(),
            framer: Framer::new(options.frame_limits),
            pushes: VecDeque::new(),
            pushes_dropped: 0,
            unflushed: false,
            amid: false,
            tap: options.tap.clone(),
        };
        if let Some(tap) = &connection.tap {
            tap.opened(connection.id, &connection.address);
        }
        connection.introduce(options).await?;
        Ok(connection)
    }

    /// A number that no other connection of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The address that was dialled.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the connection was given up or seen to be closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    /// Sends a command and awaits its reply; pushes that come before are set aside for [`Connection::next_push`].
    ///
    /// A confirmation of SUBSCRIBE and its kin is the reply, also where it comes as a push. A command that several
    /// channels are given to has one for each: name one channel a call, or read the others by `next_push`.
    ///
    /// # Errors
    ///
    /// [`WireError::TimedOut`], [`WireError::Closed`], [`WireError::Io`] and [`WireError::Protocol`].
    pub async fn call(&mut self, command: &Command) -> Result<Reply, WireError> {
        let mut replies = self.pipeline(std::slice::from_ref(command)).await?;
        replies.pop().ok_or_else(|| self.closed())
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
            unsent.extend_from_slice(&self.packed(command)?);
        }
        for command in commands {
            self.tap_sent(command);
        }
        self.begin()?;
        let mut unsent = unsent.freeze();
        let mut replies = Vec::with_capacity(commands.len());
        let limit = self.reply_timeout;
        for command in commands {
            let awaited = timeout(limit, self.reply_to(command, &mut unsent)).await;
            replies.push(self.settle(awaited, || format!("await the reply to {}", command.name()), limit)?);
        }
        self.amid = false;
        Ok(replies)
    }

    /// Sends a command.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`], and [`WireError::EmptyCommand`].
    pub async fn send(&mut self, command: &Command) -> Result<(), WireError> {
        let packed = self.packed(command)?;
        self.tap_sent(command);
        self.write(&packed).await
    }

    /// Sends bytes as they are, well-formed or not. A tap sees them as they are.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        if self.stream.is_some() {
            self.tap(|tap, id, address| tap.sent(id, address, bytes));
        }
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
        let exchanged = timeout(limit, self.exchange(&mut Bytes::new())).await;
        self.settle(exchanged, || "await a reply".to_owned(), limit)
    }

    /// The next push that was set aside, or else whatever comes next: messages of a subscription, also in RESP2.
    ///
    /// Nothing within the limit is `None`, and the connection stays usable: ask only while no reply is due.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`], but for the time limit.
    pub async fn next_push(&mut self, within: Duration) -> Result<Option<Reply>, WireError> {
        if let Some(push) = self.pushes.pop_front() {
            return Ok(Some(push));
        }
        match timeout(within, self.exchange(&mut Bytes::new())).await {
            Err(_elapsed) => Ok(None),
            exchanged => self.settle(exchanged, || "await a push".to_owned(), within).map(Some),
        }
    }

    /// How many pushes were dropped because more than [`PUSHES_KEPT`] waited to be read.
    #[must_use]
    pub fn pushes_dropped(&self) -> u64 {
        self.pushes_dropped
    }

    async fn introduce(&mut self, options: &ConnectOptions) -> Result<(), WireError> {
        let Access { username, password, .. } = &options.access;
        if username.is_some() || password.is_some() {
            let words =
                username.iter().map(String::as_str).chain([password.as_ref().map_or("", |secret| secret.expose())]);
            let command = words.fold(Command::new(["AUTH"]), Command::arg);
            self.introduce_by(&command, "AUTH", options).await?;
        }
        if options.protocol == Protocol::Resp3 {
            self.introduce_by(&Command::new(["HELLO", "3"]), "HELLO", options).await?;
        }
        Ok(())
    }

    async fn introduce_by(
        &mut self,
        command: &Command,
        name: &'static str,
        options: &ConnectOptions,
    ) -> Result<(), WireError> {
        // The server may repeat what it was sent, so the answer is not shown before the secret is taken out.
        let tap = self.tap.take();
        if let Some(tap) = &tap {
            tap.sent(self.id, &self.address, &command.redacted().as_ref().unwrap_or(command).pack());
        }
        let answered = self.call(command).await;
        let hide = |text: &str| options.access.password.as_ref().map_or_else(|| text.to_owned(), |p| p.hide_in(text));
        if let (Some(tap), Ok(reply)) = (&tap, &answered) {
            tap.received(self.id, &self.address, hide(&String::from_utf8_lossy(reply.bytes())).as_bytes());
        }
        self.tap = tap;
        if self.is_closed() {
            self.tap(|tap, id, address| tap.closed(id, address));
        }
        match answered?.error() {
            None => Ok(()),
            Some(error) => Err(WireError::Refused {
                address: self.address.clone(),
                command: name,
                error: crate::reply::ErrorReply::new(hide(&error.text)),
            }),
        }
    }

    fn packed(&self, command: &Command) -> Result<Vec<u8>, WireError> {
        if command.args().is_empty() { Err(WireError::EmptyCommand) } else { Ok(command.pack()) }
    }

    fn tap_sent(&self, command: &Command) {
        if self.stream.is_some() {
            self.tap(|tap, id, address| tap.sent(id, address, &command.redacted().as_ref().unwrap_or(command).pack()));
        }
    }

    fn tap(&self, tell: impl FnOnce(&dyn Tap, u64, &Address)) {
        if let Some(tap) = &self.tap {
            tell(tap.as_ref(), self.id, &self.address);
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.begin()?;
        let Some(stream) = &mut self.stream else { return Err(self.closed()) };
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let limit = self.reply_timeout;
        let written = timeout(limit, writing).await.map(|written| written.map_err(|source| self.lost(source)));
        self.settle(written, || "send a command".to_owned(), limit)?;
        self.amid = false;
        Ok(())
    }

    /// Gives the connection up if the caller before did not wait for its end.
    fn begin(&mut self) -> Result<(), WireError> {
        if std::mem::replace(&mut self.amid, true) {
            self.close();
        }
        if self.stream.is_some() { Ok(()) } else { Err(self.closed()) }
    }

    async fn reply_to(&mut self, command: &Command, unsent: &mut Bytes) -> Result<Reply, WireError> {
        loop {
            let reply = self.exchange(unsent).await?;
            if is_reply_to(&reply, command) {
                return Ok(reply);
            }
            self.keep_push(reply);
        }
    }

    fn keep_push(&mut self, push: Reply) {
        if self.pushes.len() >= PUSHES_KEPT {
            self.pushes.pop_front();
            self.pushes_dropped += 1;
        }
        self.pushes.push_back(push);
    }

    /// Writes what is unsent while it reads, until one whole frame is there. What it read stays if it is dropped.
    async fn exchange(&mut self, unsent: &mut Bytes) -> Result<Reply, WireError> {
        let closed = WireError::Closed { address: self.address.clone() };
        loop {
            if let Some(end) = self.framer.scan(&self.buffer)? {
                return self.take_reply(end);
            }
            let Some(stream) = &mut self.stream else { return Err(closed) };
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
                Ok(0) => return Err(closed),
                Ok(_) => {}
                Err(source) => return Err(self.lost(source)),
            }
        }
    }

    fn take_reply(&mut self, end: usize) -> Result<Reply, WireError> {
        let bytes = if end <= COPIED_BYTES {
            let copy = Bytes::copy_from_slice(&self.buffer[..end]);
            bytes::Buf::advance(&mut self.buffer, end);
            copy
        } else {
            self.buffer.split_to(end).freeze()
        };
        self.tap(|tap, id, address| tap.received(id, address, &bytes));
        Ok(Reply::of_frame(bytes)?)
    }

    /// Turns the end of a wait into an answer; any fault ends the connection.
    fn settle<T>(
        &mut self,
        waited: Result<Result<T, WireError>, tokio::time::error::Elapsed>,
        what: impl FnOnce() -> String,
        limit: Duration,
    ) -> Result<T, WireError> {
        let settled = waited
            .unwrap_or_else(|_| Err(WireError::TimedOut { what: format!("{} from {}", what(), self.address), limit }));
        if settled.is_err() {
            self.close();
        }
        settled
    }

    fn lost(&self, source: std::io::Error) -> WireError {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match source.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => self.closed(),
            _ => WireError::Io { address: self.address.clone(), source },
        }
    }

    fn closed(&self) -> WireError {
        WireError::Closed { address: self.address.clone() }
    }

    fn close(&mut self) {
        if self.stream.take().is_some() {
            let torn = &self.buffer[..self.buffer.len().min(TORN_BYTES_SHOWN)];
            if !torn.is_empty() {
                self.tap(|tap, id, address| tap.received(id, address, torn));
            }
            self.tap(|tap, id, address| tap.closed(id, address));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether this is the answer to the command and no push that came in between.
fn is_reply_to(reply: &Reply, command: &Command) -> bool {
    reply.push_kind().is_none_or(|kind| {
        kind.ends_with("subscribe")
            && command.args().first().is_some_and(|name| name.eq_ignore_ascii_case(kind.as_bytes()))
    })
}

/// Writes a part of what is unsent, and flushes after the last one. It may be dropped at any point and called again.
async fn write_some(
    writer: &mut (impl AsyncWriteExt + Unpin),
    unsent: &mut Bytes,
    unflushed: &mut bool,
) -> std::io::Result<()> {
    if !unsent.is_empty() {
        *unflushed = true;
        if writer.write_buf(unsent).await? == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
    }
    if unsent.is_empty() {
        writer.flush().await?;
        *unflushed = false;
    }
    Ok(())
}

fn next_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
