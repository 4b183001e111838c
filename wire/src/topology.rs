//! Parsers for the replies in which a cluster describes itself: CLUSTER NODES, SLOTS, SHARDS and INFO.

mod error;
mod info;
mod node;
mod nodes;
mod other_sources;
mod shards;
mod slots;
mod view;

pub use error::TopologyError;
pub use info::parse_info;
pub use node::{Direction, Node, NodeId, NodeIdError, OpenSlot, Role, SlotRange};
pub use nodes::parse_nodes;
pub use shards::{Shard, ShardNode, parse_shards};
pub use slots::{SlotsEntry, SlotsNode, parse_slots};
pub use view::Topology;
