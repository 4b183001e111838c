//! What was under test: the cluster's origin, size and servers, as `run.json` holds them.

use serde::{Deserialize, Serialize};

/// What was under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Where the cluster comes from: `local`, `compose`, `containers` or `address`.
    pub kind: String,
    /// Primaries and replicas of each, such as `3+1`; null until it is known.
    pub shape: Option<String>,
    /// The distinct products and versions of the nodes.
    pub servers: Vec<ServerRecord>,
    /// The addresses by which rct reached the nodes.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// One product and version among the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The product, such as `redis` or `valkey`.
    pub product: String,
    /// Its version, such as `7.0.15`.
    pub version: String,
}
