//! A client of a cluster whose nodes speak TLS, and the ports by which nodes must name each other to it.

use wire::{Address, Command, Node, Reply, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::{Outcome, Stop};
use crate::session::Session;
use crate::words::or;

/// How a client connects.
#[derive(Debug, Clone, Copy)]
pub(super) enum Client {
    /// With TLS.
    Tls,
    /// Without TLS, at the other port of each node.
    Plain,
}

impl Client {
    pub(super) const BOTH: [Self; 2] = [Self::Tls, Self::Plain];

    /// Opens a connection to a node.
    pub(super) async fn session(self, cluster: &Cluster, node: &Node) -> Outcome<Session> {
        match self {
            Self::Tls => cluster.session(node).await,
            Self::Plain => cluster.plain_session(node).await,
        }
    }

    /// Where the client reaches a node, by the settings with which rct started it.
    pub(super) fn address_of(self, cluster: &Cluster, node: &Node) -> Outcome<Address> {
        let port = match self {
            Self::Tls => Some(node.endpoint.port),
            Self::Plain => cluster.live().control.plain_port(&node.address),
        };
        let port = port.ok_or_else(|| Stop::skip(format!("{} has no port without TLS", node.address)))?;
        Ok(Address::new(&node.endpoint.host, port))
    }

    /// Requires that CLUSTER SLOTS names every node by the client's port. `ask` is the command, which may be a script.
    ///
    /// A node lists a replica as soon as it has heard how much the replica copied, so that has time to happen.
    pub(super) async fn gets_its_ports_in_slots(self, cluster: &Cluster, asked: &Node, ask: &Command) -> Outcome {
        let mut session = self.session(cluster, asked).await?;
        let nodes = cluster.nodes();
        let listed = cluster.until(cluster.limits().converge, "CLUSTER SLOTS lists all nodes", async || {
            let reply = session.expect(ask, Expect::Kind(Kind::Array)).await?;
            let entries = wire::parse_slots(reply.value()).map_err(|error| malformed(ask, &error))?;
            let listed: Vec<_> = entries.into_iter().flat_map(|entry| entry.nodes).collect();
            let missing = nodes.iter().find(|node| listed.iter().all(|listed| listed.id != Some(node.id)));
            ensure!(missing.is_none(), format!("all nodes in reply to {ask}"), "no {}", or(missing.map(|n| n.id), ""));
            Ok(listed)
        });
        let listed = listed.await?;
        for node in &nodes {
            let found = listed.iter().find(|listed| listed.id == Some(node.id));
            let found = found.map(|listed| (listed.endpoint.clone().unwrap_or_default(), listed.port));
            self.names(cluster, found, node, &format!("{ask} from {}", asked.address))?;
        }
        Ok(())
    }

    /// Requires that CLUSTER NODES names every node by the client's port.
    pub(super) async fn gets_its_ports_in_nodes(self, cluster: &Cluster, asked: &Node) -> Outcome {
        let ask = command!["CLUSTER", "NODES"];
        let reply: Reply = self.session(cluster, asked).await?.expect(&ask, Expect::Kind(Kind::Text)).await?;
        let text = reply.text().unwrap_or_default();
        let view = wire::parse_nodes(&text).map_err(|error| malformed(&ask, &error))?;
        for node in cluster.nodes() {
            let found = view.node(&node.id).map(|listed| (listed.address.host.clone(), listed.address.port));
            self.names(cluster, found, &node, &format!("{ask} from {}", asked.address))?;
        }
        Ok(())
    }

    fn names(self, cluster: &Cluster, found: Option<(String, u16)>, node: &Node, reply: &str) -> Outcome {
        let wanted = self.address_of(cluster, node)?;
        ensure!(
            found.as_ref() == Some(&(wanted.host.clone(), wanted.port)),
            format!("{wanted} for {} in reply to {reply}, {self}", node.id),
            "{}",
            or(found.map(|(host, port)| format!("{host}:{port}")), "no such node")
        );
        Ok(())
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Tls => "asked with TLS",
            Self::Plain => "asked without TLS",
        })
    }
}

/// The mismatch of a reply that does not have the documented form.
pub(super) fn malformed(ask: &Command, error: &dyn std::error::Error) -> Stop {
    Stop::mismatch(format!("a reply of the documented form to {ask}"), error.to_string())
}
