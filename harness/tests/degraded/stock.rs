//! A cluster of Redis 7.0 whose nodes the tests kill, replace and misconfigure.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::servers::server;
use crate::support::{Cluster, ask, signal, until};

/// A cluster with the shape 3+1 and a short node timeout.
pub(crate) fn up(folder: &Path) -> Cluster {
    Cluster::up_with(folder, &server("redis-7.0"), "3+1", &["--node-timeout", "1000"])
}

/// The addresses of the replicas.
pub(crate) fn replicas(cluster: &Cluster) -> Vec<String> {
    let is_replica = |address: &&String| ask(address, "INFO replication").contains("role:slave");
    cluster.addresses.iter().filter(is_replica).cloned().collect()
}

/// The addresses of the primaries.
pub(crate) fn primaries(cluster: &Cluster) -> Vec<String> {
    let replicas = replicas(cluster);
    cluster.addresses.iter().filter(|address| !replicas.contains(address)).cloned().collect()
}

/// Kills a node.
pub(crate) fn kill(address: &str) {
    signal(field(address, "INFO server", "process_id").parse().unwrap(), "KILL");
}

/// A field of a reply with `name:value` lines.
pub(crate) fn field(address: &str, command: &str, name: &str) -> String {
    let reply = ask(address, command);
    let line = reply.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("{name} is not in {reply}")).trim().to_owned()
}

/// Waits until CLUSTER NODES of a node has all these texts.
pub(crate) fn until_nodes_show(address: &str, parts: &[&str]) {
    until("CLUSTER NODES shows it", || match ask(address, "CLUSTER NODES") {
        nodes if parts.iter().all(|part| nodes.contains(part)) => Ok(()),
        nodes => Err(nodes),
    });
}

/// A server that a test starts, until it is dropped.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts an empty cluster node at an address, and waits until it answers.
    pub(crate) fn start(folder: &Path, address: &str) -> Self {
        let own = folder.join("replacement");
        std::fs::create_dir(&own).unwrap();
        let port = address.rsplit(':').next().unwrap();
        let child = Command::new(server("redis-7.0"))
            .args(["--bind", "127.0.0.1", "--port", port, "--cluster-enabled", "yes", "--save", ""])
            .args(["--cluster-node-timeout", "1000"])
            .current_dir(&own)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("the server listens", || {
            std::net::TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
        });
        Self { child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
