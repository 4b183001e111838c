//! Topologies from CLUSTER SLOTS and CLUSTER SHARDS, for nodes whose CLUSTER NODES is of no use, and of servers without
//! cluster support.
//!
//! Both replies lack what only CLUSTER NODES has: flags, epochs, links and open slots. A node is a primary or a replica
//! here, its link is up, and nothing of its slots is open.

use crate::address::Address;

use super::node::{Node, NodeId, Role, SlotRange};
use super::shards::{Shard, ShardNode};
use super::slots::{SlotsEntry, SlotsNode};
use super::view::Topology;

impl Topology {
    /// Reads the nodes and their slots from CLUSTER SLOTS, as the node at `dialled` answered it.
    ///
    /// Nodes without an id are left out, and so are primaries without slots, which the reply does not show.
    #[must_use]
    pub fn from_slots(entries: &[SlotsEntry], dialled: &Address) -> Self {
        let mut topology = Self::default();
        for entry in entries {
            let primary = entry.nodes.first().and_then(|node| node.id);
            for (position, listed) in entry.nodes.iter().enumerate() {
                let Some(id) = listed.id else { continue };
                let copied = primary.filter(|_| position > 0);
                let node = topology.entry(id, || Address::new(host_of(listed, dialled), listed.port), copied);
                if position == 0 {
                    node.slots.push(entry.range);
                }
            }
        }
        topology
    }

    /// Reads the nodes and their slots from CLUSTER SHARDS, as the node at `dialled` answered it; `by_tls` says which
    /// of a node's two ports counts.
    #[must_use]
    pub fn from_shards(shards: &[Shard], dialled: &Address, by_tls: bool) -> Self {
        let mut topology = Self::default();
        for shard in shards {
            let is_primary = |node: &&ShardNode| node.role == "master" && node.health != "fail";
            let primary = shard.nodes.iter().find(is_primary).map(|node| node.id);
            for listed in &shard.nodes {
                let ports = if by_tls { [listed.tls_port, listed.port] } else { [listed.port, listed.tls_port] };
                let Some(port) = ports.into_iter().flatten().next() else { continue };
                let host = known_host([listed.ip.as_deref(), listed.endpoint.as_deref()], dialled);
                let copied = primary.filter(|id| *id != listed.id);
                let node = topology.entry(listed.id, || Address::new(host, port), copied);
                node.hostname.clone_from(&listed.hostname);
                if listed.health.starts_with("fail") {
                    node.flags.push("fail".to_owned());
                }
                if primary == Some(listed.id) {
                    node.slots.clone_from(&shard.slots);
                }
            }
        }
        topology
    }

    /// Describes a server without cluster support: one node that serves every slot. Such a node has no id, so the id
    /// here is all zeros.
    #[must_use]
    pub fn standalone(address: &Address) -> Self {
        let mut topology = Self::default();
        let node = topology.entry(NodeId::NONE, || address.clone(), None);
        node.slots.push(SlotRange::ALL);
        topology
    }

    /// Tells the same as CLUSTER SLOTS would: a range at a time, its primary first.
    #[must_use]
    pub fn slots_entries(&self) -> Vec<SlotsEntry> {
        let listed = |node: &Node| SlotsNode {
            endpoint: Some(node.address.host.clone()),
            port: node.address.port,
            id: Some(node.id),
            metadata: Vec::new(),
        };
        let ranges = self.primaries().filter(|node| node.is_usable()).flat_map(|primary| {
            let replicas = self.replicas_of(&primary.id).filter(|replica| replica.is_usable()).map(listed);
            let nodes: Vec<SlotsNode> = std::iter::once(listed(primary)).chain(replicas).collect();
            primary.slots.iter().map(move |range| SlotsEntry { range: *range, nodes: nodes.clone() })
        });
        ranges.collect()
    }

    /// The node of this id, added where it is new.
    fn entry(&mut self, id: NodeId, address: impl FnOnce() -> Address, primary: Option<NodeId>) -> &mut Node {
        let position = self.nodes.iter().position(|node| node.id == id).unwrap_or_else(|| {
            self.nodes.push(node(id, address(), primary));
            self.nodes.len() - 1
        });
        &mut self.nodes[position]
    }
}

fn node(id: NodeId, address: Address, primary: Option<NodeId>) -> Node {
    let (flag, role) = if primary.is_some() { ("slave", Role::Replica) } else { ("master", Role::Primary) };
    Node {
        id,
        endpoint: address.clone(),
        address,
        bus_port: None,
        hostname: None,
        auxiliaries: Vec::new(),
        flags: vec![flag.to_owned()],
        role,
        primary,
        ping_sent_ms: 0,
        pong_received_ms: 0,
        config_epoch: 0,
        connected: true,
        slots: Vec::new(),
        open: Vec::new(),
    }
}

/// The host of a node of CLUSTER SLOTS: its IP address, which stands among the metadata where it is not the preferred
/// endpoint.
fn host_of(listed: &SlotsNode, dialled: &Address) -> String {
    let ip = listed.metadata.iter().find(|(name, _)| name == "ip").map(|(_, value)| value.as_str());
    known_host([ip, listed.endpoint.as_deref()], dialled)
}

/// The first that names a host; where none does, clients stay with the host that they dialled.
fn known_host(candidates: [Option<&str>; 2], dialled: &Address) -> String {
    let known = candidates.into_iter().flatten().find(|host| !matches!(*host, "" | "?"));
    known.unwrap_or(&dialled.host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::parse_nodes;
    use crate::{Slot, parse_shards};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn view() -> Topology {
        let lines = format!("{A} h:1@2 master - 0 0 1 connected 0-99 200\n{B} h:2@3 slave {A} 0 0 1 connected\n");
        parse_nodes(&lines).unwrap()
    }

    fn range(start: u16, end: u16) -> SlotRange {
        SlotRange::new(Slot::new(start).unwrap(), Slot::new(end).unwrap()).unwrap()
    }

    #[test]
    fn what_slots_tell_is_who_serves_what() {
        let entries = view().slots_entries();
        assert_eq!(entries.iter().map(|entry| entry.range).collect::<Vec<_>>(), [range(0, 99), range(200, 200)]);
        let read = Topology::from_slots(&entries, &Address::new("dialled", 9));
        assert_eq!(read.signature(), view().signature());
        assert_eq!(read.nodes[1].address, Address::new("h", 2));
    }

    #[test]
    fn an_endpoint_that_names_no_host_stands_for_the_one_that_was_dialled() {
        let mut entries = view().slots_entries();
        entries.truncate(1);
        entries[0].nodes[0].endpoint = Some("a.example".to_owned());
        entries[0].nodes[0].metadata = vec![("ip".to_owned(), "10.0.0.1".to_owned())];
        entries[0].nodes[1].endpoint = None;
        let read = Topology::from_slots(&entries, &Address::new("dialled", 9));
        assert_eq!(
            read.nodes.iter().map(|node| node.address.to_string()).collect::<Vec<_>>(),
            ["10.0.0.1:1", "dialled:2"]
        );
    }

    #[test]
    fn shards_tell_which_node_failed() {
        let node = |id: &str, port: u16, role: &str, health: &str| {
            let role = format!("$4\r\nrole\r\n${}\r\n{role}\r\n", role.len());
            let health = format!("$6\r\nhealth\r\n${}\r\n{health}\r\n", health.len());
            format!("*10\r\n$2\r\nid\r\n$40\r\n{id}\r\n$4\r\nport\r\n:{port}\r\n$2\r\nip\r\n$1\r\nh\r\n{role}{health}")
        };
        let nodes = node(A, 1, "master", "online") + &node(B, 2, "replica", "fail");
        let reply = format!("*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:9\r\n$5\r\nnodes\r\n*2\r\n{nodes}");
        let reply = crate::Reply::parse(reply.into_bytes()).unwrap();
        let shards = parse_shards(reply.value()).unwrap();
        let read = Topology::from_shards(&shards, &Address::new("dialled", 9), false);
        assert_eq!(read.signature(), format!("{A} primary - 0-9\n{B} replica {A} \n"));
        assert!(read.nodes[0].is_usable() && !read.nodes[1].is_usable());
    }
}
