//! A cluster with one dead, one `noaddr` and one `handshake` node.

use std::path::Path;

use crate::stock::{Server, kill, primaries, replicas, until_nodes_show};
use crate::support::{Cluster, ask, free_ports, until};

/// What [`degrade`] made of a cluster.
pub(crate) struct Degraded {
    /// The addresses of the nodes that answer.
    pub(crate) alive: Vec<String>,
    /// The replica that is dead.
    pub(crate) dead: String,
    /// The address that no node has.
    pub(crate) nobody: String,
    _replacement: Server,
}

/// Kills a replica, replaces another by a node without its files, and has a primary meet nobody.
pub(crate) fn degrade(folder: &Path, cluster: &Cluster) -> Degraded {
    let (primaries, replicas) = (primaries(cluster), replicas(cluster));
    // A2: a replica that lost its files, and joined as another node.
    let primary = ask(&replicas[0], "INFO replication");
    let primary = primary.lines().find_map(|line| line.trim().strip_prefix("master_port:")).unwrap().to_owned();
    let primary = format!("127.0.0.1:{primary}");
    kill(&replicas[0]);
    // A1: a dead replica.
    kill(&replicas[1]);
    until("both are marked as failed", || match ask(&primaries[0], "CLUSTER NODES") {
        nodes if nodes.matches(" slave,fail ").count() == 2 => Ok(()),
        nodes => Err(nodes),
    });
    let replacement = Server::start(folder, &replicas[0]);
    let meet = |to: &str| format!("CLUSTER MEET 127.0.0.1 {}", to.rsplit(':').next().unwrap());
    ask(&replicas[0], &meet(&primary));
    until_nodes_show(&replicas[0], &[&primary, "connected 0-"]);
    let id = ask(&primary, "CLUSTER MYID");
    let id = id.lines().nth(1).unwrap().to_owned();
    until("it copies its primary", || match ask(&replicas[0], &format!("CLUSTER REPLICATE {id}")) {
        reply if reply.starts_with("+OK") => Ok(()),
        reply => Err(reply),
    });
    // A3: a node that nobody reaches.
    let [nobody] = free_ports();
    let nobody = format!("127.0.0.1:{nobody}");
    let alive: Vec<String> = cluster.addresses.iter().filter(|address| **address != replicas[1]).cloned().collect();
    for address in &alive {
        until("every node knows all others", || {
            let nodes = ask(address, "CLUSTER NODES");
            let is_known = nodes.lines().any(|line| line.contains(&replicas[0]) && line.contains("slave "));
            let others = ["noaddr", " slave,fail "].iter().filter(|flags| nodes.contains(**flags)).count();
            // The node that replaces another one never knew the nodes that are gone.
            if is_known && (others == 2 || *address == replicas[0]) { Ok(()) } else { Err(nodes) }
        });
    }
    ask(&primaries[0], &meet(&nobody));
    until_nodes_show(&primaries[0], &["handshake"]);
    Degraded { alive, dead: replicas[1].clone(), nobody, _replacement: replacement }
}

/// CLUSTER NODES of each node, sorted, without lines of handshakes, epochs, and the times of pings.
pub(crate) fn nodes_of(addresses: &[String]) -> Vec<String> {
    let of = |address: &String| {
        let reply = ask(address, "CLUSTER NODES");
        let lines = reply.lines().filter(|line| line.contains('@') && !line.contains("handshake"));
        let mut lines: Vec<String> = lines
            .map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                [&fields[..4], &fields[7..]].concat().join(" ")
            })
            .collect();
        lines.sort();
        lines.join("\n")
    };
    addresses.iter().map(of).collect()
}
