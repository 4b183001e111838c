//! `rct load` with TLS, with a user name and password, and with RESP3.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::Value;
use tempfile::tempdir;

use crate::servers::server;
use crate::support::{ask, free_ports, rct, text, until};

/// A cluster of one node: a TLS port for the user `loader`, and a plain port for the test itself.
struct Node {
    child: Child,
    plain: String,
    tls: String,
}

impl Node {
    fn start(folder: &Path) -> Self {
        certificates(folder);
        let [plain, tls, bus] = free_ports();
        let child = Command::new(server("redis-7.0"))
            .current_dir(folder)
            .args(["--bind", "127.0.0.1", "--port", &plain.to_string(), "--tls-port", &tls.to_string()])
            .args(["--tls-cluster", "yes", "--cluster-enabled", "yes"])
            .args(["--cluster-port", &bus.to_string(), "--save", ""])
            .args(["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem"])
            .args(["--user", "loader", "on", ">secret", "~*", "&*", "+@all"])
            .args(["--user", "default", "on", "nopass", "~*", "&*", "-@all", "+info", "+cluster", "+quit"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let node = Self { child, plain: format!("127.0.0.1:{plain}"), tls: format!("127.0.0.1:{tls}") };
        until("the node listens", || {
            std::net::TcpStream::connect(&node.plain).map(drop).map_err(|error| error.to_string())
        });
        assert!(ask(&node.plain, "CLUSTER ADDSLOTSRANGE 0 16383").starts_with("+OK"));
        until("the cluster is up", || {
            let info = ask(&node.plain, "CLUSTER INFO");
            if info.contains("cluster_state:ok") { Ok(()) } else { Err(info) }
        });
        node
    }

    /// How many times the node executed a command.
    fn calls(&self, command: &str) -> u64 {
        let info = ask(&self.plain, "INFO commandstats");
        let prefix = format!("cmdstat_{command}:calls=");
        let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Makes an authority, and its certificates for the server and for a client.
fn certificates(folder: &Path) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for (name, subject, usage) in [
        ("server", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth),
        ("client", "client", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([subject.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        // Not the name of the issuer, with which a certificate seems to be self-signed.
        params.distinguished_name.push(DnType::CommonName, subject);
        fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &authority).unwrap().pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

#[test]
fn operations_over_tls_and_resp3_are_counted_exactly() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path());
    let load = |target: &str, more: &[&str]| {
        let output = rct(folder.path())
            .args(["load", "--target", target, "--format", "json", "--clients", "6", "--requests", "3000"])
            .args(["--keys", "100", "--tls-ca", "ca.pem", "--tls-cert", "client.pem", "--tls-key", "client.key"])
            .args(more)
            .output()
            .unwrap();
        let record = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (output.status.code(), record, text(&output.stderr))
    };
    let target = format!("rediss://loader:secret@{}", node.tls);
    for (protocol, pipeline) in [("2", "1"), ("3", "16")] {
        let (gets, sets, hellos) = (node.calls("get"), node.calls("set"), node.calls("hello"));
        let (status, record, said) = load(&target, &["--resp", protocol, "--pipeline", pipeline]);
        assert_eq!(status, Some(0), "{said}");
        let report = &record["load"];
        assert_eq!((report["engine"].as_str(), report["failed"].as_u64()), (Some("tokio"), Some(0)), "{said}");
        assert_eq!(report["operations"].as_u64(), Some(3000));
        assert_eq!(node.calls("get") + node.calls("set"), gets + sets + 3000, "the server counted the same");
        let new_hellos = node.calls("hello") - hellos;
        // rct itself sends one to learn which server it is.
        assert!(if protocol == "3" { new_hellos > 6 } else { new_hellos <= 1 }, "{new_hellos} connections sent HELLO");
        let shown = serde_json::to_string(&record).unwrap() + &said;
        assert!(!shown.contains("secret"), "the password appears nowhere");
    }
    let (status, _, said) = load(&target, &["--engine", "io_uring"]);
    assert!(status == Some(2) && said.contains("TLS"), "{status:?}: {said}");
    let wrong_password = format!("rediss://loader:wrong@{}", node.tls);
    let (status, _, said) = load(&wrong_password, &[]);
    assert!(status == Some(3) && said.contains("WRONGPASS"), "{status:?}: {said}");
}
