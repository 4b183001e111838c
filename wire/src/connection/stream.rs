//! A byte stream to a server: TCP, or TLS over TCP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::error::WireError;
use crate::tls::Tls;

/// An open byte stream. It limits no wait; its user must.
pub enum Stream {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects to an address, with a TLS handshake if `tls` is given. It sends no command.
    ///
    /// # Errors
    ///
    /// [`WireError::Unresolved`], [`WireError::Connect`] and [`WireError::Tls`].
    pub async fn open(address: &Address, tls: Option<&Tls>) -> Result<Self, WireError> {
        let refuse = |source| WireError::Connect { address: address.clone(), source };
        let resolved = lookup_host((address.host.as_str(), address.port)).await;
        let resolved: Vec<_> =
            resolved.map_err(|source| WireError::Unresolved { address: address.clone(), source })?.collect();
        let stream = TcpStream::connect(&resolved[..]).await.map_err(refuse)?;
        stream.set_nodelay(true).map_err(refuse)?;
        let Some(tls) = tls else { return Ok(Self::Plain(stream)) };
        match tls.connect(&address.host, stream).await {
            Ok(stream) => Ok(Self::Tls(Box::new(stream))),
            Err(source) => Err(WireError::Tls { address: address.clone(), source }),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
