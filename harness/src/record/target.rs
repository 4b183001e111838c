//! What was under test: the cluster's origin, size and servers, as `run.json` holds them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use suites::{FoundOpenSlot, LeftOut, LiveCluster, Server};
use wire::Direction;

/// What was under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TargetRecord {
    /// Where the cluster comes from: `local`, `compose`, `containers` or `address`.
    pub kind: String,
    /// Primaries and replicas of each, such as `3+1`, or `standalone`; null until it is known.
    pub shape: Option<String>,
    /// The distinct products and versions of the nodes.
    pub servers: Vec<ServerRecord>,
    /// The addresses by which rct reached the nodes.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The nodes of somebody else's cluster that rct left out, since they did not serve when it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutRecord>,
    /// The slots of somebody else's cluster that were open when rct came, and that its checks leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_slots: Vec<OpenSlotRecord>,
}

/// A node that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOutRecord {
    /// Its address, or its id where no address is known.
    pub node: String,
    /// Why, as `CLUSTER NODES marks it as fail`.
    pub reason: String,
}

/// A slot that a node was moving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenSlotRecord {
    /// The slot.
    pub slot: u16,
    /// The address of the node.
    pub node: String,
    /// `migrating` or `importing`.
    pub direction: String,
    /// The address of the node at the other end, or its id where no address is known.
    pub peer: String,
}

/// One product and version among the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerRecord {
    /// The product, such as `redis` or `valkey`.
    pub product: String,
    /// Its version, such as `7.0.15`.
    pub version: String,
    /// The id of its build, if it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The commit that it was built from, if it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its memory allocator, such as `jemalloc-5.2.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocator: Option<String>,
    /// The version of the compiler that built it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// The system that it runs on, such as `Linux 6.1.0 x86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its settings that decide how it behaves as a cluster, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl TargetRecord {
    /// Describes a cluster that is up, from the target of this kind.
    pub fn of(kind: &str, live: &LiveCluster) -> Self {
        let addresses =
            live.topology().nodes.iter().map(|node| live.map.reachable(&node.address).to_string()).collect();
        Self {
            kind: kind.to_owned(),
            shape: Some(live.shape_name()),
            servers: live.servers.iter().map(ServerRecord::from).collect(),
            addresses,
            left_out: live.findings.left_out.iter().map(LeftOutRecord::from).collect(),
            open_slots: live.findings.open_slots.iter().map(OpenSlotRecord::from).collect(),
        }
    }
}

impl From<&LeftOut> for LeftOutRecord {
    fn from(left_out: &LeftOut) -> Self {
        Self { node: left_out.node.clone(), reason: left_out.reason.clone() }
    }
}

impl From<&FoundOpenSlot> for OpenSlotRecord {
    fn from(found: &FoundOpenSlot) -> Self {
        let direction = match found.open.direction {
            Direction::Migrating => "migrating",
            Direction::Importing => "importing",
        };
        Self {
            slot: found.open.slot.number(),
            node: found.address.to_string(),
            direction: direction.to_owned(),
            peer: found.peer.clone(),
        }
    }
}

impl From<&Server> for ServerRecord {
    fn from(server: &Server) -> Self {
        Self { product: server.product.to_string(), version: server.version.to_string(), ..Self::default() }
    }
}
