//! The options of a connection: where and how to connect, and the tap that sees its bytes.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::access::Access;
use crate::address::Address;
use crate::frame::FrameLimits;

/// The default limit on opening a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The default limit on waiting for a reply.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The version of RESP that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Protocol {
    /// RESP2, which servers speak by default.
    #[default]
    Resp2,
    /// RESP3, which HELLO 3 switches on.
    Resp3,
}

/// Sees every byte of the connections that it is given to.
///
/// It sees `***` instead of passwords: the connection's own password wherever it appears, and others in the commands
/// that contain them (see [`Command::redacted`](crate::Command::redacted)).
pub trait Tap {
    /// The connection was opened, and nothing was sent yet.
    fn opened(&self, connection: u64, address: &Address);
    /// The connection was given bytes to send: a command, or raw bytes.
    fn sent(&self, connection: u64, address: &Address, bytes: &[u8]);
    /// One reply arrived, or the beginning of a reply before the connection broke.
    fn received(&self, connection: u64, address: &Address, bytes: &[u8]);
    /// The connection was closed, by rct or by the server.
    fn closed(&self, connection: u64, address: &Address);
}

/// Where to connect, and how.
#[derive(Clone)]
pub struct ConnectOptions {
    /// The address to connect to.
    pub address: Address,
    /// User, password and TLS.
    pub access: Access,
    /// The protocol to speak.
    pub protocol: Protocol,
    /// The limit on opening: name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The limit on waiting for a reply, and on waiting until the server takes a command.
    pub reply_timeout: Duration,
    /// The limits on the size of a reply.
    pub frame_limits: FrameLimits,
    /// The tap that sees the bytes.
    pub tap: Option<Rc<dyn Tap>>,
}

impl ConnectOptions {
    /// Options for RESP2 over plain TCP, without AUTH and with the default limits.
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
