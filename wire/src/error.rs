//! The error of connections to servers.

use std::io;
use std::time::Duration;

use crate::address::Address;
use crate::frame::FrameError;
use crate::value::ErrorReply;

/// Why a connection, or a call on it, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The name of the host has no address.
    #[error("cannot resolve the name {:?}: {source}", address.host)]
    Unresolved {
        /// The name, with the port.
        address: Address,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The TCP connection could not be opened.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address of the server.
        address: Address,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server took longer than the limit. The connection is closed afterwards.
    #[error("{what} within {limit:?}")]
    TimedOut {
        /// What did not happen, such as `127.0.0.1:7000 did not reply to PING`.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The server closed the connection, or rct closed it after an earlier error.
    #[error("the connection to {address} is closed")]
    Closed {
        /// The server's address.
        address: Address,
    },
    /// Reading or writing failed.
    #[error("the connection to {address} failed: {source}")]
    Io {
        /// The server's address.
        address: Address,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server's bytes are not a valid reply.
    #[error("cannot read a reply: {0}")]
    Protocol(#[from] FrameError),
    /// The server answered AUTH or HELLO with an error. The error contains no secret.
    #[error("{address} answered {command} with {error}")]
    Refused {
        /// The server's address.
        address: Address,
        /// `AUTH` or `HELLO`.
        command: &'static str,
        /// The server's answer, with `***` in place of the password.
        error: ErrorReply,
    },
    /// TLS failed: a side rejected the other's certificate, or the server does not speak TLS.
    #[error("TLS with {address} failed: {source}")]
    Tls {
        /// The address of the server.
        address: Address,
        /// The error of the TLS library.
        source: io::Error,
    },
    /// The TLS settings cannot be used.
    #[error("cannot {doing}: {reason}")]
    TlsSetup {
        /// What rct tried to do, such as `read a certificate from ca.pem`.
        doing: String,
        /// Why it failed.
        reason: String,
    },
    /// The command has no name, so no server would answer it.
    #[error("cannot send a command that has no name")]
    EmptyCommand,
}

impl WireError {
    /// Whether the server is unreachable or did not answer: the connection failed, was closed, or timed out.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Unresolved { .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Closed { .. }
            | Self::Io { .. } => true,
            // Invalid data or input is a fault of TLS. Any other kind means that the server closed the connection.
            Self::Tls { source, .. } => {
                !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            }
            Self::Protocol(_) | Self::Refused { .. } | Self::TlsSetup { .. } | Self::EmptyCommand => false,
        }
    }

    /// Whether the server took longer than a limit.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }
}
