//! A node of a cluster, and the types of its fields.

use std::fmt;
use std::str::FromStr;

use crate::address::Address;
use crate::slot::Slot;

/// A node's id: 40 lower-case hexadecimal digits (cluster specification, "Cluster node attributes").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NodeId::LENGTH]);

impl NodeId {
    /// The number of digits.
    pub const LENGTH: usize = 40;
    /// The id of a server without cluster support, which has none: all zeros.
    pub const NONE: Self = Self([b'0'; Self::LENGTH]);

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<[u8]> for NodeId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeId({})", self.as_str())
    }
}

/// A text that is not a node id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a node id; a node id has 40 lower-case hexadecimal digits")]
pub struct NodeIdError(pub String);

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        match <[u8; Self::LENGTH]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) => Ok(Self(digits)),
            _ => Err(NodeIdError(text.chars().take(2 * Self::LENGTH).collect())),
        }
    }
}

/// The role of a node in its shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// It serves slots of its own, or can be given some.
    Primary,
    /// It replicates a primary.
    Replica,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        })
    }
}

/// The slots from `start` to `end`, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotRange {
    /// The first slot.
    pub start: Slot,
    /// The last slot; not before `start`.
    pub end: Slot,
}

impl SlotRange {
    /// Every slot.
    pub const ALL: Self = Self { start: Slot::MIN, end: Slot::MAX };

    /// Makes a range; `None` if `end` is before `start`.
    #[must_use]
    pub fn new(start: Slot, end: Slot) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// Whether the range contains the slot.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        (self.start..=self.end).contains(&slot)
    }

    /// The slots in order.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (self.start.number()..=self.end.number()).filter_map(Slot::new)
    }
}

impl fmt::Display for SlotRange {
    /// Prints `start-end`, or one number for a single slot, as CLUSTER NODES does.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start == self.end {
            return self.start.fmt(formatter);
        }
        write!(formatter, "{}-{}", self.start, self.end)
    }
}

/// The direction in which an open slot moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// The node gives the slot to its peer.
    Migrating,
    /// The node takes the slot from its peer.
    Importing,
}

/// A slot that is moving from one node to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpenSlot {
    /// The slot.
    pub slot: Slot,
    /// The direction in which it moves.
    pub direction: Direction,
    /// The node at the other end.
    pub peer: NodeId,
}

/// A node, as one line of CLUSTER NODES describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its announced address; the host is empty if the node does not know its own host yet.
    pub address: Address,
    /// The endpoint that redirects use for it. It is the address, unless the cluster prefers another kind of name.
    pub endpoint: Address,
    /// The port of the cluster bus; missing before version 4.0.
    pub bus_port: Option<u16>,
    /// Its host name, if it announces one.
    pub hostname: Option<String>,
    /// The other `name=value` pairs of the address field, as sent.
    pub auxiliaries: Vec<(String, String)>,
    /// Its flags as sent; empty for `noflags`.
    pub flags: Vec<String>,
    /// Replica if the flags say so, and primary otherwise. A node in a handshake counts as a primary.
    pub role: Role,
    /// The primary that it replicates.
    pub primary: Option<NodeId>,
    /// When the pending ping was sent, in milliseconds of the sender's clock; 0 if no ping is pending.
    pub ping_sent_ms: u64,
    /// When the last pong arrived, in milliseconds of the sender's clock.
    pub pong_received_ms: u64,
    /// Its config epoch; that of its primary if it is a replica.
    pub config_epoch: u64,
    /// Whether the sender's link to it on the cluster bus is up.
    pub connected: bool,
    /// The slots that it serves, as sent.
    pub slots: Vec<SlotRange>,
    /// The slots that it migrates or imports. A node shows them only in its own line.
    pub open: Vec<OpenSlot>,
}

impl Node {
    /// Whether the node has this flag, as CLUSTER NODES spells it.
    #[must_use]
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }

    /// Whether this is the node that sent the reply.
    #[must_use]
    pub fn is_myself(&self) -> bool {
        self.has_flag("myself")
    }

    /// Whether a majority agreed that the node has failed (`fail`).
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.has_flag("fail")
    }

    /// Whether the sender suspects that the node has failed (`fail?`).
    #[must_use]
    pub fn is_suspected(&self) -> bool {
        self.has_flag("fail?")
    }

    /// Whether a client can use the node: its address is known, its handshake is done, and it has not failed.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !["handshake", "noaddr", "fail"].iter().any(|flag| self.has_flag(flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_forty_lower_case_digits() {
        let text = "8ecf75917638fb4aef9b88290ea31468c8383752";
        let id: NodeId = text.parse().unwrap();
        assert_eq!((id.as_str(), id.to_string().as_str(), id.as_ref()), (text, text, text.as_bytes()));
        for wrong in ["", "-", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('8', "g")] {
            assert!(wrong.parse::<NodeId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_range_includes_both_ends() {
        let [low, high] = [3, 5].map(|number| Slot::new(number).unwrap());
        let range = SlotRange::new(low, high).unwrap();
        assert_eq!(range.slots().map(Slot::number).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(range.contains(low) && range.contains(high) && !range.contains(Slot::MAX));
        assert_eq!((range.to_string().as_str(), SlotRange { end: low, ..range }.to_string().as_str()), ("3-5", "3"));
        assert_eq!(SlotRange::new(high, low), None);
    }
}
