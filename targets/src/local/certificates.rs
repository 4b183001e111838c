//! The certificates of servers that speak TLS, and of their clients, for one run.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use wire::{Tls, TlsServer, TlsSettings, WireError};

use crate::local::config_file::Settings;

/// The name of the servers besides their address.
const SERVER_NAME: &str = "localhost";

/// The PEM files of one run: an authority, and what it signed for the servers and for their clients.
///
/// The key of the authority is in no file. Nobody can make more certificates that the servers accept.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes a folder with the files. Only its owner can read the keys.
    ///
    /// # Errors
    ///
    /// A key cannot be made, or a file cannot be written.
    pub(crate) fn make(folder: PathBuf) -> io::Result<Self> {
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let authority = authority().map_err(io::Error::other)?;
        let certificates = Self { folder };
        write(&certificates.authority(), &authority.pem())?;
        // A server is also the client of other servers.
        let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let names = vec![
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            // The check of IPv6 endpoints connects to the same address in this form.
            SanType::IpAddress(IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped())),
            SanType::DnsName(SERVER_NAME.try_into().map_err(io::Error::other)?),
        ];
        certificates.sign(&authority, "server", both, names)?;
        certificates.sign(&authority, "client", vec![ExtendedKeyUsagePurpose::ClientAuth], Vec::new())?;
        Ok(certificates)
    }

    /// What rct needs to connect to the servers.
    ///
    /// # Errors
    ///
    /// A file is gone or unreadable.
    pub(crate) fn client(&self) -> Result<Tls, WireError> {
        let settings = TlsSettings {
            ca_file: Some(self.authority()),
            certificate_file: Some(self.certificate("client")),
            key_file: Some(self.key("client")),
            ..TlsSettings::default()
        };
        settings.load()
    }

    /// What a proxy in front of the servers needs to accept their clients.
    ///
    /// # Errors
    ///
    /// A file is gone or unreadable.
    pub(crate) fn server(&self) -> Result<TlsServer, WireError> {
        TlsServer::load(&self.authority(), &self.certificate("server"), &self.key("server"))
    }

    /// Adds the settings of a server that speaks TLS with everybody, and requires a certificate of its clients.
    pub(crate) fn add_to(&self, settings: &mut Settings) {
        let files = [
            ("tls-ca-cert-file", self.authority()),
            ("tls-cert-file", self.certificate("server")),
            ("tls-key-file", self.key("server")),
        ];
        for (name, path) in files {
            settings.set_word(name, &path.to_string_lossy());
        }
        settings.extend([("tls-auth-clients", "yes"), ("tls-cluster", "yes"), ("tls-replication", "yes")]);
    }

    fn sign(
        &self,
        authority: &CertifiedIssuer<'_, KeyPair>,
        name: &str,
        usages: Vec<ExtendedKeyUsagePurpose>,
        names: Vec<SanType>,
    ) -> io::Result<()> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = params(&format!("rct {name}"));
        params.extended_key_usages = usages;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, authority).map_err(io::Error::other)?;
        write(&self.certificate(name), &certificate.pem())?;
        write(&self.key(name), &key.serialize_pem())
    }

    fn authority(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = params("rct authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_their_owner_can_read_the_files_and_no_key_of_the_authority_is_among_them() {
        let parent = tempfile::TempDir::new().unwrap();
        let certificates = Certificates::make(parent.path().join("tls")).unwrap();
        certificates.client().unwrap();
        certificates.server().unwrap();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&certificates.folder).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.file_name().into_string().unwrap());
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{names:?}");
        }
        names.sort();
        assert_eq!(names, ["ca.crt", "client.crt", "client.key", "server.crt", "server.key"]);
        assert_eq!(std::fs::metadata(&certificates.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
