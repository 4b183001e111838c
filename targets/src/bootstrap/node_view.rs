//! What one node says about the cluster at one moment, and how that differs from the plan.

use std::collections::BTreeMap;

use wire::{
    Address, Command, Node, NodeId, Reply, Role, SlotsEntry, Topology, command, parse_info, parse_nodes, parse_slots,
};

/// The commands whose replies make up a view, in this order.
pub(crate) fn questions() -> [Command; 4] {
    [
        command!["CLUSTER", "NODES"],
        command!["CLUSTER", "SLOTS"],
        command!["CLUSTER", "INFO"],
        command!["INFO", "replication"],
    ]
}

/// One node's answers.
pub(crate) struct NodeView {
    /// The node, by the address that it announces.
    pub(crate) at: Address,
    /// Its view of the cluster.
    pub(crate) view: Topology,
    slots: Vec<SlotsEntry>,
    cluster: BTreeMap<String, String>,
    replication: BTreeMap<String, String>,
}

impl NodeView {
    /// Reads the answers to [`questions`].
    ///
    /// # Errors
    ///
    /// A sentence that says which reply is malformed.
    pub(crate) fn read(at: &Address, replies: &[Reply]) -> Result<Self, String> {
        let [nodes, slots, cluster, replication] = replies else {
            return Err(format!("{at} did not answer everything"));
        };
        let text = |reply: &Reply| reply.text().unwrap_or_default().into_owned();
        Ok(Self {
            at: at.clone(),
            view: parse_nodes(&text(nodes)).map_err(|error| format!("{at}: {error}"))?,
            slots: parse_slots(slots.value()).map_err(|error| format!("{at}: {error}"))?,
            cluster: parse_info(&text(cluster)),
            replication: parse_info(&text(replication)),
        })
    }

    /// Whether the node reports `cluster_state:ok`.
    pub(crate) fn is_healthy(&self) -> bool {
        self.cluster.get("cluster_state").is_some_and(|state| state == "ok")
    }

    /// The number of replicas that are connected to this primary.
    pub(crate) fn attached_replicas(&self) -> usize {
        (0..).take_while(|number| self.replication.contains_key(&format!("slave{number}"))).count()
    }

    /// The cluster's current epoch.
    pub(crate) fn current_epoch(&self) -> Option<&str> {
        self.cluster.get("cluster_current_epoch").map(String::as_str)
    }

    /// The replication offset: how far a primary has written, or how far a replica has read.
    pub(crate) fn offset(&self) -> Option<u64> {
        // A replica has a master_repl_offset of its own, which says nothing about how far it has read.
        let field =
            if self.replication.contains_key("slave_repl_offset") { "slave_repl_offset" } else { "master_repl_offset" };
        self.replication.get(field)?.parse().ok()
    }

    /// The first difference between this view and the expected one; `None` if there is none.
    pub(crate) fn difference(&self, expected: &Topology) -> Option<String> {
        self.membership(expected)
            .or_else(|| expected.nodes.iter().find_map(|node| self.entry(node)))
            .or_else(|| expected.primaries().find_map(|primary| self.served(expected, primary)))
            .or_else(|| self.health())
            .map(|difference| format!("{} {difference}", self.at))
    }

    /// A planned replica that serves slots: it took over from its primary, and waiting does not change that.
    pub(crate) fn unexpected_primary(&self, expected: &Topology) -> Option<String> {
        let promoted = self.view.nodes.iter().find(|node| {
            let planned = expected.node(&node.id);
            planned.is_some_and(|planned| planned.role == Role::Replica) && !node.slots.is_empty()
        });
        promoted
            .map(|node| format!("{} says that {} serves slots, but it was planned as a replica", self.at, node.address))
    }

    /// Says what is wrong if this is a replica without its primary's data, or the cluster is not healthy.
    pub(crate) fn health(&self) -> Option<String> {
        if self.replication.get("master_link_status").is_some_and(|status| status != "up") {
            return Some("has not received the data of its primary yet".to_owned());
        }
        if !self.is_healthy() {
            let state = self.cluster.get("cluster_state").map_or("missing", String::as_str);
            return Some(format!("reports cluster_state:{state}"));
        }
        None
    }

    /// The planned nodes that this node does not know.
    pub(crate) fn unknown_nodes<'a>(&'a self, expected: &'a Topology) -> impl Iterator<Item = &'a Node> {
        expected.nodes.iter().filter(|node| self.view.node(&node.id).is_none())
    }

    fn membership(&self, expected: &Topology) -> Option<String> {
        let known = self.view.nodes.iter().filter(|node| expected.node(&node.id).is_some()).count();
        let others = self.view.nodes.len() - known;
        if known < expected.nodes.len() {
            return Some(format!("knows {known} of {} nodes", expected.nodes.len()));
        }
        (others > 0).then(|| format!("knows {others} nodes that do not belong to the cluster"))
    }

    fn entry(&self, expected: &Node) -> Option<String> {
        let Some(seen) = self.view.node(&expected.id) else {
            return Some(format!("does not know {}", expected.address));
        };
        let place = &expected.address;
        if seen.address != *place {
            return Some(format!("knows {place} as {}", seen.address));
        }
        if (seen.role, seen.primary) != (expected.role, expected.primary) {
            return Some(format!("does not know yet that {place} is a {}", expected.role));
        }
        if seen.slots != expected.slots {
            return Some(format!("does not know the slots of {place} yet"));
        }
        if seen.config_epoch != expected.config_epoch {
            return Some(format!(
                "knows {place} with epoch {} instead of {}",
                seen.config_epoch, expected.config_epoch
            ));
        }
        if seen.is_failed() || seen.is_suspected() {
            return Some(format!("marks {place} as failed"));
        }
        (!seen.connected).then(|| format!("has no link to {place}"))
    }

    /// Says what is missing if CLUSTER SLOTS does not list a primary and all its replicas.
    ///
    /// A server leaves out a replica until that has received data.
    fn served(&self, expected: &Topology, primary: &Node) -> Option<String> {
        for range in &primary.slots {
            let Some(entry) = self.slots.iter().find(|entry| entry.range == *range) else {
                return Some(format!("does not list slots {range}"));
            };
            let mut listed: Vec<NodeId> = entry.nodes.iter().filter_map(|node| node.id).collect();
            let mut wanted: Vec<NodeId> = expected.replicas_of(&primary.id).map(|node| node.id).collect();
            wanted.push(primary.id);
            listed.sort();
            wanted.sort();
            if listed != wanted {
                return Some(format!("lists {} of {} nodes for slots {range}", listed.len(), wanted.len()));
            }
        }
        None
    }
}
