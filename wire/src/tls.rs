//! TLS for connections: reads certificates from PEM files and configures rustls.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::WireError;

/// The TLS settings of a user: which certificates to use and to trust.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The PEM file of the authorities to trust. Without one, the authorities of the system are trusted.
    pub ca_file: Option<PathBuf>,
    /// The PEM file of the client's certificate chain; needs `key_file`.
    pub certificate_file: Option<PathBuf>,
    /// The PEM file of the client's private key; needs `certificate_file`.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must have. Without one, it must have the host to which rct connects.
    pub server_name: Option<String>,
    /// Whether to accept any certificate of the server.
    pub insecure: bool,
}

impl TlsSettings {
    /// Reads the files and makes the configuration of TLS.
    ///
    /// # Errors
    ///
    /// [`WireError::TlsSetup`] if a file is unreadable or has no usable certificate or key, if only one of certificate
    /// and key is given, or if the server name is invalid.
    pub fn load(&self) -> Result<Tls, WireError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| setup("set up TLS", error))?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let config = match (&self.certificate_file, &self.key_file) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = private_key(key)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| setup("use the client certificate with its key", error))?
            }
            (Some(_), None) => {
                return Err(setup("set up TLS", "the client certificate has no key; name its key file too"));
            }
            (None, Some(_)) => {
                return Err(setup("set up TLS", "the client key has no certificate; name its certificate file too"));
            }
        };
        let server_name = self.server_name.as_deref().map(server_name).transpose()?;
        Ok(Tls { config: Arc::new(config), server_name, settings: Arc::new(self.clone()) })
    }

    fn roots(&self) -> Result<RootCertStore, WireError> {
        match &self.ca_file {
            Some(path) => roots_of(path),
            None => {
                let mut roots = RootCertStore::empty();
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(setup("set up TLS", "the system trusts no authority; name the file of one"));
                }
                Ok(roots)
            }
        }
    }
}

/// A TLS configuration that is ready for use. Clones share it.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    settings: Arc<TlsSettings>,
}

impl Tls {
    /// The settings from which it was made, with the files that other clients need.
    #[must_use]
    pub fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// Performs the handshake with the server at `host`, on an open TCP connection.
    pub(crate) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        TlsConnector::from(self.config.clone()).connect(name, stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// Reads the authorities of a PEM file.
pub(crate) fn roots_of(path: &Path) -> Result<RootCertStore, WireError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unreadable("certificate", path, &error))?;
    }
    Ok(roots)
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WireError> {
    let read = || -> Result<Vec<_>, pem::Error> { CertificateDer::pem_file_iter(path)?.collect() };
    let chain = read().map_err(|error| unreadable("certificate", path, &error))?;
    if chain.is_empty() {
        return Err(unreadable("certificate", path, &"the file has no certificate in PEM form"));
    }
    Ok(chain)
}

pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, WireError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable("private key", path, &error))
}

fn server_name(name: &str) -> Result<ServerName<'static>, WireError> {
    ServerName::try_from(name.to_owned()).map_err(|error| setup(&format!("use {name:?} as a server name"), error))
}

fn unreadable(what: &str, path: &Path, reason: &dyn fmt::Display) -> WireError {
    setup(&format!("read a {what} from {}", path.display()), reason)
}

pub(crate) fn setup(doing: &str, reason: impl fmt::Display) -> WireError {
    WireError::TlsSetup { doing: doing.to_owned(), reason: reason.to_string() }
}

/// Accepts any certificate, for `insecure`. It still verifies the signatures of the handshake.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
