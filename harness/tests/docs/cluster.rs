//! The cluster that the pages speak of: 3 primaries with a replica each on the ports 7000 to 7005 of 127.0.0.1.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::servers;
use crate::support::{ask, until};

/// The address that pages give.
pub(crate) const SEED: &str = "127.0.0.1:7000";
const PORTS: std::ops::Range<u16> = 7000..7006;
const BUS_OFFSET: u16 = 10_000;
const SLOTS: [&str; 3] = ["0 5460", "5461 10922", "10923 16383"];
/// What replicas and this test say who they are by, so that a password for users can come and go.
const LOGIN: &str = "AUTH link link-secret";

pub(crate) struct Cluster {
    servers: Vec<Child>,
}

impl Cluster {
    /// Starts it, and waits until all nodes agree and all replicas are in sync.
    pub(crate) fn start(folder: &Path) -> Self {
        // Another run of this test may still use the ports.
        until("the ports 7000 to 7005 and 17000 to 17005 are free", || {
            let mut ports = PORTS.flat_map(|port| [port, port + BUS_OFFSET]);
            ports.try_for_each(|port| {
                TcpListener::bind(("127.0.0.1", port)).map(drop).map_err(|error| format!("{port}: {error}"))
            })
        });
        let cluster = Self { servers: PORTS.map(|port| server(folder, port)).collect() };
        for port in PORTS {
            until("a server starts", || {
                std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
            });
        }
        for (port, slots) in PORTS.zip(SLOTS) {
            told(port, &format!("CLUSTER ADDSLOTSRANGE {slots}"));
        }
        for (port, epoch) in PORTS.zip(1..) {
            told(port, &format!("CLUSTER SET-CONFIG-EPOCH {epoch}"));
        }
        for port in PORTS.skip(1) {
            told(PORTS.start, &format!("CLUSTER MEET 127.0.0.1 {port}"));
        }
        for port in PORTS {
            holds(port, "CLUSTER INFO", "cluster_known_nodes:6");
        }
        for (primary, replica) in PORTS.zip(PORTS.skip(SLOTS.len())) {
            let id = said(primary, "CLUSTER MYID");
            let id = id.lines().find(|line| line.len() == 40).unwrap();
            told(replica, &format!("CLUSTER REPLICATE {id}"));
        }
        for port in PORTS {
            holds(port, "CLUSTER INFO", "cluster_state:ok");
            until("all nodes see three replicas", || match said(port, "CLUSTER NODES") {
                nodes if nodes.matches("slave").count() == 3 => Ok(()),
                nodes => Err(nodes),
            });
        }
        for port in PORTS.skip(SLOTS.len()) {
            holds(port, "INFO replication", "master_link_status:up");
        }
        cluster
    }

    /// Has all nodes ask for a password while `work` runs.
    pub(crate) fn with_password<T>(&self, password: &str, work: impl FnOnce() -> T) -> T {
        require(password);
        let result = work();
        require("\"\"");
        result
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _gone = server.kill();
            let _ended = server.wait();
        }
    }
}

fn server(folder: &Path, port: u16) -> Child {
    let folder = folder.join(format!(".node-{port}"));
    std::fs::create_dir(&folder).unwrap();
    Command::new(servers::server("redis-7.0"))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--save", ""])
        .args(["--cluster-node-timeout", "5000", "--repl-diskless-sync-delay", "0"])
        .args(["--masteruser", "link", "--masterauth", "link-secret"])
        .args(["--user", "link", "on", ">link-secret", "~*", "&*", "+@all"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn require(password: &str) {
    for port in PORTS {
        told(port, &format!("CONFIG SET requirepass {password}"));
    }
}

fn said(port: u16, command: &str) -> String {
    ask(&format!("127.0.0.1:{port}"), &format!("{LOGIN}\r\n{command}"))
}

/// Tells a node something, which must not refuse it.
fn told(port: u16, command: &str) {
    let reply = said(port, command);
    assert!(!reply.lines().any(|line| line.starts_with('-')), "{command} on {port}: {reply}");
}

fn holds(port: u16, command: &str, line: &str) {
    until(&format!("{line} on {port}"), || match said(port, command) {
        reply if reply.lines().any(|found| found == line) => Ok(()),
        reply => Err(reply),
    });
}
