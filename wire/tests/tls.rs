//! TLS with certificates that the client must accept, and with certificates that it must refuse.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wire::{Address, ConnectOptions, Connection, TlsSettings, WireError, command};

/// A folder of PEM files: an authority, its certificates for `localhost`, `127.0.0.1` and a client, and another
/// authority that signed none of them.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        let authority = authority();
        folder.write("ca.pem", &authority.pem());
        folder.write("stranger.pem", &self::authority().pem());
        for (name, subject, usage) in [
            ("name", "localhost", ExtendedKeyUsagePurpose::ServerAuth),
            ("address", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", "client", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([subject.to_owned()]).unwrap();
            params.extended_key_usages = vec![usage];
            folder.write(&format!("{name}.pem"), &params.signed_by(&key, &authority).unwrap().pem());
            folder.write(&format!("{name}.key"), &key.serialize_pem());
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Settings of a client that trusts the authority and has the client certificate.
    fn settings(&self) -> TlsSettings {
        TlsSettings {
            ca_file: Some(self.path("ca.pem")),
            certificate_file: Some(self.path("client.pem")),
            key_file: Some(self.path("client.key")),
            ..TlsSettings::default()
        }
    }

    /// Starts a server with the named certificate. It requires a client certificate and answers one PING.
    async fn serve(&self, certificate: &str) -> Address {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate_of(&self.path("ca.pem"))).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate_of(&self.path(&format!("{certificate}.pem")))],
                PrivateKeyDer::from_pem_file(self.path(&format!("{certificate}.key"))).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
                stream.read_exact(&mut [0; 14]).await.unwrap();
                stream.write_all(b"+PONG\r\n").await.unwrap();
                stream.flush().await.unwrap();
            }
        });
        Address::new("127.0.0.1", port)
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate_of(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

async fn ping(address: Address, settings: &TlsSettings) -> Result<String, WireError> {
    let mut options = ConnectOptions::new(address);
    options.access.tls = Some(settings.load()?);
    Ok(Connection::open(&options).await?.call(&command!["PING"]).await?.to_string())
}

#[tokio::test]
async fn a_valid_certificate_is_trusted() {
    let folder = Folder::new();
    let by_address = folder.serve("address").await;
    assert_eq!(ping(by_address, &folder.settings()).await.unwrap(), "PONG");
    let by_name = Address::new("localhost", folder.serve("name").await.port);
    assert_eq!(ping(by_name, &folder.settings()).await.unwrap(), "PONG");
    let named = TlsSettings { server_name: Some("localhost".to_owned()), ..folder.settings() };
    assert_eq!(ping(folder.serve("name").await, &named).await.unwrap(), "PONG");
}

#[tokio::test]
async fn an_invalid_certificate_is_refused_unless_any_is_accepted() {
    let folder = Folder::new();
    let other_name = ping(folder.serve("name").await, &folder.settings()).await.unwrap_err();
    assert!(matches!(other_name, WireError::Tls { .. }) && !other_name.is_lost(), "{other_name:?}");
    let distrusting = TlsSettings { ca_file: Some(folder.path("stranger.pem")), ..folder.settings() };
    let stranger = ping(folder.serve("address").await, &distrusting).await.unwrap_err();
    assert!(matches!(stranger, WireError::Tls { .. }) && !stranger.is_lost(), "{stranger:?}");
    let insecure = TlsSettings { insecure: true, ..distrusting };
    assert_eq!(ping(folder.serve("name").await, &insecure).await.unwrap(), "PONG");
}

#[tokio::test]
async fn a_server_that_requires_a_client_certificate_refuses_a_client_without_one() {
    let folder = Folder::new();
    let nameless = TlsSettings { certificate_file: None, key_file: None, ..folder.settings() };
    // In TLS 1.3 the server's refusal arrives after the handshake, with the first reply.
    let error = ping(folder.serve("address").await, &nameless).await.unwrap_err();
    assert!(matches!(error, WireError::Tls { .. }) && !error.is_lost(), "{error:?}");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::new("127.0.0.1", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"-ERR Protocol error\r\n").await.unwrap();
    });
    let settings = TlsSettings { insecure: true, ..TlsSettings::default() };
    let error = ping(address, &settings).await.unwrap_err();
    assert!(matches!(error, WireError::Tls { .. }), "{error:?}");
}

#[test]
fn the_error_names_the_setting_that_is_wrong() {
    let folder = Folder::new();
    folder.write("empty.pem", "");
    for (settings, message) in [
        (TlsSettings { ca_file: Some(folder.path("none.pem")), ..folder.settings() }, "read a certificate from "),
        (
            TlsSettings { ca_file: Some(folder.path("empty.pem")), ..folder.settings() },
            "the file has no certificate in PEM form",
        ),
        (TlsSettings { key_file: Some(folder.path("ca.pem")), ..folder.settings() }, "read a private key from "),
        (TlsSettings { key_file: Some(folder.path("name.key")), ..folder.settings() }, "use the client certificate"),
        (TlsSettings { key_file: None, ..folder.settings() }, "the client certificate has no key"),
        (TlsSettings { certificate_file: None, ..folder.settings() }, "the client key has no certificate"),
        (TlsSettings { server_name: Some("a b".to_owned()), ..folder.settings() }, "use \"a b\" as a server name"),
    ] {
        let error = settings.load().unwrap_err();
        assert!(matches!(error, WireError::TlsSetup { .. }) && error.to_string().contains(message), "{error}");
    }
}
