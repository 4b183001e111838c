//! Wrong usage and hostile surroundings: a message of one or two lines that says what to do, and the right status.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{rct, redis_7_0, run, text, until};

/// Runs `rct` and holds its status and its message, which must be short.
fn refuses(folder: &Path, arguments: &[&str], status: i32, parts: &[&str]) {
    let output = run(folder, arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}{}", text(&output.stdout));
    let shown = format!("{message}{}", text(&output.stdout));
    for part in parts {
        assert!(shown.contains(part), "{arguments:?}: {part:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("panicked"), "{shown}");
}

fn script(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn selections_that_select_nothing() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--run", "no-such-suite"], 4, &["no check fits", "rct list"]);
    refuses(folder.path(), &["conform", "--skip", "*"], 4, &["no check is selected"]);
    refuses(folder.path(), &["list", "nothing/*"], 4, &["no check fits"]);
    refuses(folder.path(), &["explain", "slots/no-such-check"], 4, &["no check is called"]);
}

#[test]
fn words_that_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--level", "maybe"], 2, &["possible values", "must"]);
    refuses(folder.path(), &["conform", "--shape", "3"], 2, &["expected PRIMARIES+REPLICAS"]);
    refuses(folder.path(), &["conform", "--target", "nowhere"], 2, &["expected local"]);
    refuses(folder.path(), &["conform", "--target", "127.0.0.1:1", "--map", "x"], 2, &["--map", "ADDRESS=REACHABLE"]);
    refuses(folder.path(), &["conform", "--known", "missing.toml"], 2, &["missing.toml"]);
    refuses(folder.path(), &["report", "missing"], 2, &["missing"]);
}

#[test]
fn what_only_addresses_have_is_not_ignored_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let options: [&[&str]; 4] = [
        &["--map", "10.0.0.5:6379=127.0.0.1:7000"],
        &["--tls-ca", "x.pem"],
        &["--tls-server-name", "x"],
        &["--tls-insecure"],
    ];
    for option in options {
        let arguments = [&["up", "--once"], option].concat();
        refuses(folder.path(), &arguments, 2, &[option[0], "for a cluster given by address"]);
    }
    let plain = ["conform", "--target", "127.0.0.1:1", "--tls-server-name", "x"];
    refuses(folder.path(), &plain, 2, &["rediss://"]);
}

#[test]
fn suite_files_with_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let head = "suite = \"s\"\n[[check]]\nid = \"a\"\ntitle = \"t\"\nlevel = \"must\"\nspec = \"x\"\n";
    let step = "steps = [{ send = { command = \"PING\", to = \"owner\", expect = \"ok\" } }]\n";
    std::fs::write(folder.path().join("twice.toml"), format!("{head}{step}{}{step}", &head[12..])).unwrap();
    refuses(folder.path(), &["conform", "--suite", "twice.toml"], 2, &["twice.toml:", "s/a is there already"]);
    std::fs::write(folder.path().join("typo.toml"), format!("{head}{}", step.replace("owner", "ownr"))).unwrap();
    refuses(folder.path(), &["lint", "typo.toml"], 2, &["typo.toml:7:", "unknown variant `ownr`", "`non-owner`"]);
    std::fs::write(folder.path().join("fine.toml"), format!("{head}{step}")).unwrap();
    assert!(run(folder.path(), &["lint", "fine.toml"]).status.success());
    refuses(folder.path(), &["lint", "no-such-file.toml"], 2, &["no-such-file.toml"]);
}

#[test]
fn servers_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let conform = |server: &str| ["conform".to_owned(), "--server".to_owned(), server.to_owned()];
    let refuse = |server: &str, status: i32, parts: &[&str]| {
        let arguments = conform(server);
        refuses(folder.path(), &arguments.each_ref().map(String::as_str), status, parts);
    };
    refuse("/no/such/server", 2, &["/no/such/server"]);
    refuse("/bin/true", 2, &["/bin/true"]);
    let version =
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Redis server v=7.0.15 sha=0:0 malloc=libc bits=64' && exit 0\n";
    refuse(&script(folder.path(), "exits", &format!("{version}echo out of luck; exit 1\n")), 3, &["out of luck"]);
    let output = rct(folder.path()).args(["conform"]).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("--server"), "{}", text(&output.stderr));
}

#[test]
fn addresses_without_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--target", "127.0.0.1:1"], 3, &["127.0.0.1:1"]);
    let cluster = crate::support::Cluster::up(folder.path(), &redis_7_0(), "1+0");
    let address = &cluster.addresses[0];
    let wrong = format!("redis://:hush-hush@{address}");
    refuses(folder.path(), &["conform", "--target", &wrong, "--run", "slots"], 3, &[address]);
    let output = run(folder.path(), &["conform", "--target", &wrong, "--run", "slots"]);
    assert!(!text(&output.stderr).contains("hush-hush") && !text(&output.stdout).contains("hush-hush"));
    let tls = format!("rediss://{address}");
    refuses(folder.path(), &["conform", "--target", &tls, "--run", "slots"], 3, &[address]);
}

/// A server that speaks TLS, until it is dropped.
struct TlsServer {
    child: Child,
    port: u16,
}

impl TlsServer {
    /// Starts one whose certificate vouches for itself, and for this name only.
    fn start(folder: &Path, name: &str) -> Self {
        let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), certified.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "bind 127.0.0.1\nport 0\ntls-port {port}\ntls-cert-file cert.pem\ntls-key-file key.pem\n\
             tls-ca-cert-file cert.pem\ntls-auth-clients no\nsave \"\"\n"
        );
        std::fs::write(folder.join("tls.conf"), settings).unwrap();
        let mut command = Command::new(redis_7_0());
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
    // With both it is let in, and only then finds that this is no cluster.
    conform(&["--tls-ca", "cert.pem", "--tls-server-name", "right.example"], &["without cluster support"]);
    refuses(folder.path(), &["conform", "--target", &target, "--tls-ca", "missing.pem"], 2, &["missing.pem"]);
}
