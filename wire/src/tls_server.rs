//! TLS from the side of a server: for a proxy that stands in front of one.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::WireError;
use crate::tls::{certificates, private_key, roots_of, setup};

/// Accepts TLS connections of clients that have a certificate of the authority. Clones share it.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
}

impl TlsServer {
    /// Reads the PEM files: the authority that signs the certificates of clients, and the server's certificate and key.
    ///
    /// # Errors
    ///
    /// [`WireError::TlsSetup`] if a file is unreadable or has no usable certificate or key.
    pub fn load(authority: &Path, certificate: &Path, key: &Path) -> Result<Self, WireError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots_of(authority)?), provider.clone())
            .build()
            .map_err(|error| setup("verify the certificates of clients", error))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup("set up TLS", error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| setup("use the server certificate with its key", error))?;
        Ok(Self { config: Arc::new(config) })
    }

    /// Performs the handshake with a client, on an open TCP connection.
    ///
    /// # Errors
    ///
    /// The client does not speak TLS, has no certificate of the authority, or is gone.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.clone()).accept(stream).await
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsServer").finish_non_exhaustive()
    }
}
