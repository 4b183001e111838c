//! Addresses and certificates that do not match: a short message that says what to do, and exit status 3.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::servers::server;
use crate::support::{free_ports, refuses, run, text, until};

#[test]
fn addresses_without_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--target", "127.0.0.1:1"], 3, &["127.0.0.1:1"]);
    let cluster = crate::support::Cluster::up(folder.path(), &server("redis-7.0"), "1+0");
    let address = &cluster.addresses[0];
    let wrong = format!("redis://:hush-hush@{address}");
    refuses(folder.path(), &["conform", "--target", &wrong, "--run", "slots"], 3, &[address]);
    let output = run(folder.path(), &["conform", "--target", &wrong, "--run", "slots"]);
    assert!(!text(&output.stderr).contains("hush-hush") && !text(&output.stdout).contains("hush-hush"));
    let tls = format!("rediss://{address}");
    refuses(folder.path(), &["conform", "--target", &tls, "--run", "slots"], 3, &[address]);
}

/// A server with TLS, which ends when this is dropped.
struct TlsServer {
    child: Child,
    port: u16,
}

impl TlsServer {
    /// Starts a server with a self-signed certificate for this name only.
    fn start(folder: &Path, name: &str) -> Self {
        let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), certified.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        let [port] = free_ports();
        let settings = format!(
            "bind 127.0.0.1\nport 0\ntls-port {port}\ntls-cert-file cert.pem\ntls-key-file key.pem\n\
             tls-ca-cert-file cert.pem\ntls-auth-clients no\nsave \"\"\n"
        );
        std::fs::write(folder.join("tls.conf"), settings).unwrap();
        let mut command = Command::new(server("redis-7.0"));
        let child = command.arg("tls.conf").current_dir(folder).stdout(Stdio::null()).spawn().unwrap();
        until("the server listens", || {
            TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
        });
        Self { child, port }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn certificates_that_do_not_match() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path(), "right.example");
    let target = format!("rediss://127.0.0.1:{}", server.port);
    let conform = |more: &[&str], parts: &[&str]| {
        refuses(folder.path(), &[&["conform", "--target", &target], more].concat(), 3, parts);
    };
    conform(&[], &["invalid peer certificate", "--tls-ca"]);
    conform(&["--tls-ca", "cert.pem"], &["not valid for name", "right.example", "--tls-server-name"]);
    // With both options rct connects, and only then finds that this is not a cluster.
    conform(&["--tls-ca", "cert.pem", "--tls-server-name", "right.example"], &["without cluster support"]);
    refuses(folder.path(), &["conform", "--target", &target, "--tls-ca", "missing.pem"], 2, &["missing.pem"]);
}
