//! What can go wrong between here and a server.

use std::io;
use std::time::Duration;

use crate::address::Address;
use crate::frame::FrameError;
use crate::value::ErrorReply;

/// The error of this crate's connections.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The TCP connection could not be opened.
    #[error("connect to {address}: {source}")]
    Connect {
        /// The address that was dialled.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// Something took longer than its limit; the connection is not usable afterwards.
    #[error("{what}: nothing within {limit:?}")]
    TimedOut {
        /// What was waited for, as `await a reply of 127.0.0.1:7000`.
        what: String,
        /// The limit that was exceeded.
        limit: Duration,
    },
    /// The server closed the connection, or it was given up after an earlier error.
    #[error("use the connection to {address}: it is closed")]
    Closed {
        /// The server's address.
        address: Address,
    },
    /// Reading or writing failed.
    #[error("exchange bytes with {address}: {source}")]
    Io {
        /// The server's address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The server's bytes are no reply.
    #[error("read a reply: {0}")]
    Protocol(#[from] FrameError),
    /// The server answered AUTH or HELLO with an error. Carries no secret.
    #[error("be let in by {address}: it answered {command} with {error}")]
    Refused {
        /// The server's address.
        address: Address,
        /// `AUTH` or `HELLO`.
        command: &'static str,
        /// The server's answer, any occurrence of the password replaced.
        error: ErrorReply,
    },
    /// The two sides do not agree on TLS: a certificate that does not fit, or bytes that are none of it.
    #[error("speak TLS with {address}: {source}")]
    Tls {
        /// The address that was dialled.
        address: Address,
        /// What the TLS library said.
        source: io::Error,
    },
    /// The TLS settings are not usable.
    #[error("{doing}: {reason}")]
    TlsSetup {
        /// What was tried.
        doing: String,
        /// Why it failed.
        reason: String,
    },
    /// A command without arguments was to be sent, which no server answers.
    #[error("send a command: it has no name")]
    EmptyCommand,
}

impl WireError {
    /// Whether the server cannot be reached or did not answer: not connected, closed, reset, or too late.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::TimedOut { .. } | Self::Closed { .. } | Self::Io { .. } => true,
            // The peer went away during the handshake; what does not fit is invalid data or input.
            Self::Tls { source, .. } => {
                !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            }
            Self::Protocol(_) | Self::Refused { .. } | Self::TlsSetup { .. } | Self::EmptyCommand => false,
        }
    }

    /// Whether something took longer than its limit.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }
}
