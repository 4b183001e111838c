//! A cluster of two primaries of Redis 7.0 without some commands, or with some users.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::servers::server;

/// The password of every user of these clusters.
pub(crate) const PASSWORD: &str = "pw";

/// Longest that a test waits for the cluster to form.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster, until it is dropped.
pub(crate) struct Cluster {
    nodes: Vec<(u16, Child)>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts two nodes that lack the `missing` commands and have the `users`: name and rules each.
    pub(crate) fn up(missing: &[&str], users: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nodes = free_ports().map(|port| {
            let mut settings = format!(
                "port {port}\nbind 127.0.0.1\ncluster-enabled yes\ncluster-config-file {port}.conf\n\
                 cluster-node-timeout 5000\nsave \"\"\ndir {}\n",
                folder.path().display()
            );
            missing.iter().for_each(|command| settings += &format!("rename-command {command} \"\"\n"));
            users.iter().for_each(|(name, rules)| settings += &format!("user {name} on >{PASSWORD} {rules}\n"));
            let mut child =
                Command::new(server("redis-7.0")).arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
            (port, child)
        });
        let cluster = Self { nodes: nodes.into(), _folder: folder };
        cluster.form();
        cluster
    }

    /// The address of the first node.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].0)
    }

    /// Sends a command to the last node, as the default user.
    pub(crate) fn send_to_last(&self, command: &str) {
        let port = self.nodes.last().unwrap().0;
        assert_eq!(ask(port, command).as_deref(), Some("+OK"), "{command}");
    }

    fn form(&self) {
        let [(first, _), (second, _)] = self.nodes.as_slice() else { panic!("two nodes") };
        until("the nodes answer", || [first, second].iter().all(|port| ask(**port, "ECHO x").is_some()));
        for (port, command) in [
            (first, "CLUSTER ADDSLOTSRANGE 0 8191".to_owned()),
            (second, "CLUSTER ADDSLOTSRANGE 8192 16383".to_owned()),
            (second, "CLUSTER SET-CONFIG-EPOCH 2".to_owned()),
            (first, format!("CLUSTER MEET 127.0.0.1 {second}")),
        ] {
            assert_eq!(ask(*port, &command).as_deref(), Some("+OK"), "{command}");
        }
        // Once a node serves, it also knows the other by its final id.
        until("the cluster serves", || {
            [(first, second), (second, first)].iter().all(|(port, other)| {
                info(**port).contains(&"cluster_state:ok".to_owned())
                    && info(**port).contains(&"cluster_known_nodes:2".to_owned())
                    && nodes(**port)
                        .iter()
                        .any(|line| line.contains(&format!(":{other}@")) && line.contains(" master "))
            })
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.nodes {
            let _gone = child.kill();
            let _ended = child.wait();
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited until {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The first line of the reply to an inline command.
fn ask(port: u16, command: &str) -> Option<String> {
    lines(port, command)?.into_iter().next()
}

fn info(port: u16) -> Vec<String> {
    lines(port, "CLUSTER INFO").unwrap_or_default()
}

fn nodes(port: u16) -> Vec<String> {
    lines(port, "CLUSTER NODES").unwrap_or_default()
}

/// All lines of the reply to an inline command: QUIT behind it ends the connection.
fn lines(port: u16, command: &str) -> Option<Vec<String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).ok()?;
    BufReader::new(stream).lines().collect::<Result<_, _>>().ok()
}

/// Free ports of 127.0.0.1 whose bus ports, 10000 higher, are free too, and which no other test uses.
fn free_ports() -> [u16; 2] {
    let is_free =
        |port: &u16| [*port, *port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let start = rand::random_range(11_000..12_000);
    let free: Vec<u16> = (start..12_000).chain(11_000..start).filter(is_free).take(2).collect();
    free.try_into().expect("two free ports between 11000 and 11999")
}
