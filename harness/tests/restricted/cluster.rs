//! A cluster whose nodes lack some commands, or have some users.

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
    /// Forms two primaries of Redis 7.0 that lack the `missing` commands and have the `users`: name and rules each.
    pub(crate) fn up(missing: &[&str], users: &[(&str, &str)]) -> Self {
        let cluster = Self::start("redis-7.0", 2, missing, users);
        cluster.form(2);
        cluster
    }

    /// As [`Cluster::up`], with three primaries and a replica of each.
    pub(crate) fn up_with_replicas(missing: &[&str], users: &[(&str, &str)]) -> Self {
        let cluster = Self::start("redis-7.0", 6, missing, users);
        cluster.form(3);
        cluster
    }

    /// Starts nodes of a release that do not know each other and serve no slot.
    pub(crate) fn start(release: &str, count: usize, missing: &[&str], users: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nodes = free_ports(count).into_iter().map(|port| {
            let mut settings = format!(
                "port {port}\nbind 127.0.0.1\ncluster-enabled yes\ncluster-config-file {port}.conf\n\
                 cluster-node-timeout 5000\nsave \"\"\ndir {}\nrepl-diskless-sync-delay 0\n",
                folder.path().display()
            );
            missing.iter().for_each(|command| settings += &format!("rename-command {command} \"\"\n"));
            users.iter().for_each(|(name, rules)| settings += &format!("user {name} on >{PASSWORD} {rules}\n"));
            let mut child =
                Command::new(server(release)).arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
            (port, child)
        });
        let cluster = Self { nodes: nodes.collect(), _folder: folder };
        until("the nodes answer", || cluster.ports().all(|port| ask(port, "ECHO x").is_some()));
        cluster
    }

    /// The address of the first node.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].0)
    }

    /// The number of nodes.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Sends a command to a node, counted from 0, as the default user.
    pub(crate) fn send_to(&self, node: usize, command: &str) {
        send(self.nodes[node].0, command);
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.nodes.iter().map(|(port, _)| *port)
    }

    /// Forms the cluster: the first `primaries` nodes share the slots, and each further node copies one of them.
    fn form(&self, primaries: usize) {
        let ports: Vec<u16> = self.ports().collect();
        let per_primary = 16_384_usize.div_ceil(primaries);
        for (index, port) in ports.iter().enumerate() {
            send(*port, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            if index < primaries {
                let end = ((index + 1) * per_primary).min(16_384) - 1;
                send(*port, &format!("CLUSTER ADDSLOTSRANGE {} {end}", index * per_primary));
            }
            if index > 0 {
                send(ports[0], &format!("CLUSTER MEET 127.0.0.1 {port}"));
            }
        }
        let all_known = format!("cluster_known_nodes:{}", ports.len());
        // Once a node serves, it also knows the others by their final ids.
        until("the cluster serves", || {
            ports.iter().all(|port| {
                let (info, nodes) = (lines(*port, "CLUSTER INFO"), lines(*port, "CLUSTER NODES").unwrap_or_default());
                let knows = |other: &u16| nodes.iter().any(|line| line.contains(&format!(":{other}@")));
                let info = info.unwrap_or_default();
                info.contains(&"cluster_state:ok".to_owned())
                    && info.contains(&all_known)
                    && ports.iter().all(knows)
                    && !nodes.iter().any(|line| line.contains("handshake"))
            })
        });
        for (index, replica) in ports.iter().enumerate().skip(primaries) {
            let id = lines(ports[index % primaries], "CLUSTER MYID").unwrap()[1].clone();
            send(*replica, &format!("CLUSTER REPLICATE {id}"));
        }
        let is_linked = |port: &u16| lines(*port, "ROLE").unwrap_or_default().contains(&"connected".to_owned());
        until("the replicas have caught up", || {
            let shows_all = |port: &u16| {
                let nodes = lines(*port, "CLUSTER NODES").unwrap_or_default();
                nodes.iter().filter(|line| line.contains("slave ")).count() == ports.len() - primaries
            };
            ports[primaries..].iter().all(is_linked) && ports.iter().all(shows_all)
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

/// Sends a command that must succeed.
fn send(port: u16, command: &str) {
    assert_eq!(ask(port, command).as_deref(), Some("+OK"), "{command}");
}

/// The first line of the reply to an inline command.
fn ask(port: u16, command: &str) -> Option<String> {
    lines(port, command)?.into_iter().next()
}

/// All lines of the reply to an inline command: QUIT behind it ends the connection.
fn lines(port: u16, command: &str) -> Option<Vec<String>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).ok()?;
    BufReader::new(stream).lines().collect::<Result<_, _>>().ok()
}

/// Free ports of 127.0.0.1 whose bus ports, 10000 higher, are free too, and which no other test uses.
fn free_ports(count: usize) -> Vec<u16> {
    let is_free =
        |port: &u16| [*port, *port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let start = rand::random_range(11_000..12_000);
    let free: Vec<u16> = (start..12_000).chain(11_000..start).filter(is_free).take(count).collect();
    assert_eq!(free.len(), count, "free ports between 11000 and 11999");
    free
}
