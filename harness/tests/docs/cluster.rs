//! The cluster of the examples: 3 primaries with one replica each, on the ports 7000 to 7005 of 127.0.0.1.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::servers;
use crate::support::{ask, until};

/// The address in the examples.
pub(crate) const SEED: &str = "127.0.0.1:7000";
const PORTS: std::ops::Range<u16> = 7000..7006;
const BUS_OFFSET: u16 = 10_000;
const SLOTS: [&str; 3] = ["0 5460", "5461 10922", "10923 16383"];
/// The login of replicas and of this test, which a changed password of the default user does not affect.
const LOGIN: &str = "AUTH link link-secret";

pub(crate) struct Cluster {
    servers: Vec<Child>,
}

impl Cluster {
    /// Starts the cluster, and waits until all nodes agree and all replicas are in sync.
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
            send(port, &format!("CLUSTER ADDSLOTSRANGE {slots}"));
        }
        for (port, epoch) in PORTS.zip(1..) {
            send(port, &format!("CLUSTER SET-CONFIG-EPOCH {epoch}"));
        }
        for port in PORTS.skip(1) {
            send(PORTS.start, &format!("CLUSTER MEET 127.0.0.1 {port}"));
        }
        for port in PORTS {
            wait_for_line(port, "CLUSTER INFO", "cluster_known_nodes:6");
        }
        for (primary, replica) in PORTS.zip(PORTS.skip(SLOTS.len())) {
            let id = reply_to(primary, "CLUSTER MYID");
            let id = id.lines().find(|line| line.len() == 40).unwrap();
            send(replica, &format!("CLUSTER REPLICATE {id}"));
        }
        for port in PORTS {
            wait_for_line(port, "CLUSTER INFO", "cluster_state:ok");
            until("all nodes see three replicas", || match reply_to(port, "CLUSTER NODES") {
                nodes if nodes.matches("slave").count() == 3 => Ok(()),
                nodes => Err(nodes),
            });
        }
        for port in PORTS.skip(SLOTS.len()) {
            wait_for_line(port, "INFO replication", "master_link_status:up");
        }
        cluster
    }

    /// Makes all nodes require a password while `work` runs.
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
        send(port, &format!("CONFIG SET requirepass {password}"));
    }
}

fn reply_to(port: u16, command: &str) -> String {
    ask(&format!("127.0.0.1:{port}"), &format!("{LOGIN}\r\n{command}"))
}

/// Sends a command to a node, which must not answer with an error.
fn send(port: u16, command: &str) {
    let reply = reply_to(port, command);
    assert!(!reply.lines().any(|line| line.starts_with('-')), "{command} on {port}: {reply}");
}

fn wait_for_line(port: u16, command: &str, line: &str) {
    until(&format!("{line} on {port}"), || match reply_to(port, command) {
        reply if reply.lines().any(|found| found == line) => Ok(()),
        reply => Err(reply),
    });
}
