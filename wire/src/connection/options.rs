//! Where to connect and how, and who sees the bytes.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::access::Access;
use crate::address::Address;
use crate::frame::FrameLimits;

/// How long opening a connection may take, unless told otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reply may take, unless told otherwise.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The version of RESP that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Protocol {
    /// RESP2, which every server speaks without being asked.
    #[default]
    Resp2,
    /// RESP3, asked for by HELLO 3.
    Resp3,
}

/// Sees every byte of the connections that carry it.
///
/// Passwords are replaced by `***` before: the connection's own wherever it appears, others in the commands that carry
/// them (see [`Command::redacted`](crate::Command::redacted)).
pub trait Tap {
    /// The connection was opened; nothing was sent yet.
    fn opened(&self, connection: u64, address: &Address);
    /// Bytes were given to the connection: a command, or what `send_raw` was given.
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

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectOptions")
            .field("address", &self.address)
            .field("access", &self.access)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
