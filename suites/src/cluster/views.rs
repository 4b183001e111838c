//! What a node itself says of the cluster, parsed; `roles` has the view of rct.

use std::collections::BTreeMap;

use wire::{
    Address, Command, Node, Reply, Shard, ShardNode, SlotsEntry, SlotsNode, Topology, TopologyError, command,
    parse_nodes,
};

use super::Cluster;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Mismatch, Outcome, Stop};

impl Cluster {
    /// The view of one node (CLUSTER NODES), without the open slots of somebody else, and without the nodes that rct left
    /// out when it entered the cluster.
    ///
    /// # Errors
    /// A mismatch, if the reply is malformed; broken, if the node is lost.
    pub async fn view_of(&self, node: &Node) -> Outcome<Topology> {
        let view = self.whole_view_of(node).await?;
        let mut view = self.live.in_use(view);
        for node in &mut view.nodes {
            node.open.retain(|open| !self.is_open(open.slot));
        }
        Ok(view)
    }

    /// The view of one node with all nodes, also those that rct left out: CLUSTER INFO counts them, for one.
    ///
    /// # Errors
    /// As [`Cluster::view_of`].
    pub async fn whole_view_of(&self, node: &Node) -> Outcome<Topology> {
        let text = Expect::Kind(Kind::Text);
        self.read(node, &command!["CLUSTER", "NODES"], text, |reply| parse_nodes(&reply.text().unwrap_or_default()))
            .await
    }

    /// The fields of an INFO section, or of CLUSTER INFO.
    ///
    /// # Errors
    /// As [`Cluster::call`]; a mismatch, if the reply is not a text.
    pub async fn info(&self, node: &Node, command: &Command) -> Outcome<BTreeMap<String, String>> {
        let reply = self.expect(node, command, Expect::Kind(Kind::Text)).await?;
        Ok(wire::parse_info(&reply.text().unwrap_or_default()))
    }

    /// The reply of a node to CLUSTER SLOTS, without the nodes that rct left out when it entered the cluster.
    ///
    /// # Errors
    /// As [`Cluster::view_of`].
    pub async fn slots_view(&self, node: &Node) -> Outcome<Vec<SlotsEntry>> {
        let command = command!["CLUSTER", "SLOTS"];
        let mut entries =
            self.read(node, &command, Expect::Kind(Kind::Array), |reply| wire::parse_slots(reply.value())).await?;
        let left_out = &self.live.findings.left_out;
        let is_left_out = |node: &SlotsNode| left_out.iter().any(|left_out| Some(left_out.id) == node.id);
        entries.retain(|entry| !entry.nodes.first().is_some_and(is_left_out));
        entries.iter_mut().for_each(|entry| entry.nodes.retain(|node| !is_left_out(node)));
        Ok(entries)
    }

    /// The reply of a node to CLUSTER SHARDS, without the nodes that rct left out when it entered the cluster.
    ///
    /// # Errors
    /// As [`Cluster::view_of`].
    pub async fn shards_view(&self, node: &Node) -> Outcome<Vec<Shard>> {
        let command = command!["CLUSTER", "SHARDS"];
        let mut shards =
            self.read(node, &command, Expect::Kind(Kind::Array), |reply| wire::parse_shards(reply.value())).await?;
        let left_out = &self.live.findings.left_out;
        let is_left_out = |node: &ShardNode| left_out.iter().any(|left_out| left_out.id == node.id);
        shards.retain(|shard| shard.nodes.is_empty() || !shard.nodes.iter().all(is_left_out));
        shards.iter_mut().for_each(|shard| shard.nodes.retain(|node| !is_left_out(node)));
        Ok(shards)
    }

    /// Whether the server has CLUSTER SHARDS, according to its table of commands and its version.
    ///
    /// # Errors
    /// As [`Cluster::commands`].
    pub async fn has_shards(&self) -> Outcome<bool> {
        Ok(self.may_have("CLUSTER SHARDS").await? && !self.server().is("redis <7.0"))
    }

    /// The ports at which a replica may say that it copies a primary: the one that the primary announces to us, and the
    /// port for TLS where the replica copies by TLS, as on a cluster with both ports.
    pub async fn replication_ports(&self, replica: &Node, primary: &Address) -> Vec<u16> {
        let mut ports = vec![primary.port];
        if self.setting_of(&replica.address, "tls-replication").await.is_some_and(|value| value == "yes")
            && let Some(port) = self.setting_of(primary, "tls-port").await
        {
            ports.extend(port.parse::<u16>().ok().filter(|port| *port != 0 && *port != primary.port));
        }
        ports
    }

    /// A setting of a node, where it shows it.
    async fn setting_of(&self, announced: &Address, name: &str) -> Option<String> {
        let topology = self.topology();
        let node = topology.nodes.iter().find(|node| node.address == *announced)?;
        let reply = self.live.ask(node, &command!["CONFIG", "GET", name]).await.ok()?;
        text_of(reply.items()?.get(1)?)
    }

    async fn read<T>(
        &self,
        node: &Node,
        command: &Command,
        expect: Expect,
        read: impl FnOnce(&Reply) -> Result<T, TopologyError>,
    ) -> Outcome<T> {
        let reply = self.expect(node, command, expect).await?;
        read(&reply).map_err(|error| {
            Stop::Mismatch(Box::new(Mismatch {
                sent: Some(command.to_string()),
                to: Some(self.live.describe_node(&node.address)),
                expected: "a reply of the documented form".to_owned(),
                received: reply.to_string(),
                note: Some(error.to_string()),
                ..Mismatch::default()
            }))
        })
    }
}
