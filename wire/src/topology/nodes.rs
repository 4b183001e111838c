//! CLUSTER NODES: one line a node, and the lines of CLUSTER REPLICAS, which have the same form.

use std::str::FromStr;

use crate::address::Address;
use crate::slot::Slot;

use super::error::TopologyError;
use super::node::{Direction, Node, NodeId, OpenSlot, Role, SlotRange};
use super::view::Topology;

/// Reads the answer of CLUSTER NODES (command page, "Serialization format").
///
/// It judges each line's grammar and nothing beyond: overlapping slots or two `myself` are for a check to find.
///
/// # Errors
///
/// [`TopologyError`] names the line and the field that do not have their form.
pub fn parse_nodes(text: &str) -> Result<Topology, TopologyError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let nodes = lines.map(|(index, line)| Line { number: index + 1 }.node(line)).collect::<Result<_, _>>()?;
    Ok(Topology { nodes })
}

struct Line {
    number: usize,
}

impl Line {
    fn node(&self, line: &str) -> Result<Node, TopologyError> {
        let mut fields = line.split_ascii_whitespace();
        let mut field =
            |name: &'static str| fields.next().ok_or_else(|| self.expected(name, "a value", "the line's end"));
        let id = self.id("id", field("id")?)?;
        let place = self.place(field("address")?)?;
        let flags: Vec<String> =
            field("flags")?.split(',').filter(|flag| *flag != "noflags").map(str::to_owned).collect();
        let primary = match field("primary")? {
            "-" => None,
            id => Some(self.id("primary", id)?),
        };
        let ping_sent_ms = self.number("ping-sent", field("ping-sent")?)?;
        let pong_received_ms = self.number("pong-recv", field("pong-recv")?)?;
        let config_epoch = self.number("config-epoch", field("config-epoch")?)?;
        let connected = match field("link-state")? {
            "connected" => true,
            "disconnected" => false,
            other => return Err(self.expected("link-state", "connected or disconnected", other)),
        };
        let (mut slots, mut open) = (Vec::new(), Vec::new());
        for token in fields {
            match token.strip_prefix('[') {
                Some(rest) => open.push(self.open_slot(token, rest)?),
                None => slots.push(self.range(token)?),
            }
        }
        let role = match flags.iter().any(|flag| matches!(flag.as_str(), "slave" | "replica")) {
            true => Role::Replica,
            false => Role::Primary,
        };
        let Place { address, bus_port, hostname, auxiliaries } = place;
        Ok(Node {
            id,
            address,
            bus_port,
            hostname,
            auxiliaries,
            flags,
            role,
            primary,
            ping_sent_ms,
            pong_received_ms,
            config_epoch,
            connected,
            slots,
            open,
        })
    }

    /// Reads `host:port@bus-port,hostname,name=value...`; everything from `@` on may be missing.
    fn place(&self, field: &str) -> Result<Place, TopologyError> {
        let refuse = || self.expected("address", "host:port@bus-port", field);
        let mut parts = field.split(',');
        let first = parts.next().unwrap_or_default();
        let (address, bus_port) = match first.rsplit_once('@') {
            Some((address, bus_port)) => (address, Some(bus_port.parse().map_err(|_| refuse())?)),
            None => (first, None),
        };
        let hostname = parts.next().filter(|hostname| !hostname.is_empty()).map(str::to_owned);
        let auxiliaries = parts
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => Err(self.expected("address", "name=value after the hostname", pair)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Place { address: Address::from_str(address).map_err(|_| refuse())?, bus_port, hostname, auxiliaries })
    }

    fn range(&self, token: &str) -> Result<SlotRange, TopologyError> {
        let (start, end) = token.split_once('-').unwrap_or((token, token));
        let range = match (start.parse::<Slot>(), end.parse::<Slot>()) {
            (Ok(start), Ok(end)) => SlotRange::new(start, end),
            _ => None,
        };
        range.ok_or_else(|| self.expected("slot", "a slot or start-end from 0 to 16383", token))
    }

    /// Reads the rest of `[slot->-peer]` or `[slot-<-peer]`.
    fn open_slot(&self, token: &str, rest: &str) -> Result<OpenSlot, TopologyError> {
        let read = || {
            let inner = rest.strip_suffix(']')?;
            let (slot, direction, peer) = match (inner.split_once("->-"), inner.split_once("-<-")) {
                (Some((slot, peer)), _) => (slot, Direction::Migrating, peer),
                (None, Some((slot, peer))) => (slot, Direction::Importing, peer),
                (None, None) => return None,
            };
            Some(OpenSlot { slot: slot.parse().ok()?, direction, peer: peer.parse().ok()? })
        };
        read().ok_or_else(|| self.expected("slot", "[slot->-node] or [slot-<-node]", token))
    }

    fn id(&self, field: &str, text: &str) -> Result<NodeId, TopologyError> {
        text.parse().map_err(|_| self.expected(field, "40 lower-case hexadecimal digits", text))
    }

    fn number(&self, field: &str, text: &str) -> Result<u64, TopologyError> {
        text.parse().map_err(|_| self.expected(field, "a number from 0 on", text))
    }

    fn expected(&self, field: &str, expected: &str, found: &str) -> TopologyError {
        let found: String = found.chars().take(FOUND_CHARACTERS_SHOWN).collect();
        let place = format!("line {}", self.number);
        TopologyError::expected("CLUSTER NODES", &place, field, expected, &format!("{found:?}"))
    }
}

const FOUND_CHARACTERS_SHOWN: usize = 100;

struct Place {
    address: Address,
    bus_port: Option<u16>,
    hostname: Option<String>,
    auxiliaries: Vec<(String, String)>,
}
