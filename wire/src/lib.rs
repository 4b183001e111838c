//! The client's side of the Redis Cluster protocol: RESP, connections, slots, redirects and topology.
//!
//! This crate knows nothing about checks, processes or load. The crates that depend on it add those.

pub mod access;
pub mod address;
pub mod command;
pub mod connection;
pub mod describe;
pub mod error;
mod escape;
mod fingerprint;
pub mod frame;
pub mod redirect;
pub mod reply;
pub mod slot;
pub mod tls;
pub mod tls_server;
pub mod topology;
pub mod value;

pub use access::{Access, MASK, Secret};
pub use address::{Address, AddressMap};
pub use command::{Command, CommandError};
pub use connection::{ConnectOptions, Connection, Protocol, Stream, Tap, introduction};
pub use describe::describe;
pub use error::WireError;
pub use fingerprint::fingerprint;
pub use frame::{FrameError, FrameLimits, Framer};
pub use redirect::{Endpoint, Redirect, RedirectError};
pub use redis::Value;
pub use reply::{Kind, NullKind, Reply};
pub use slot::{SLOT_COUNT, Slot};
pub use tls::{Tls, TlsSettings};
pub use tls_server::TlsServer;
pub use topology::{
    Direction, Node, NodeId, OpenSlot, Role, Shard, ShardNode, SlotRange, SlotsEntry, SlotsNode, Topology,
    TopologyError, parse_info, parse_nodes, parse_shards, parse_slots,
};
pub use value::{ErrorReply, bytes_of, error_of, items_of};
