//! The parser for CLUSTER NODES, one line for each node. The lines of CLUSTER REPLICAS have the same form.

use std::str::FromStr;

use crate::address::Address;
use crate::slot::Slot;

use super::error::TopologyError;
use super::node::{Direction, Node, NodeId, OpenSlot, Role, SlotRange};
use super::view::Topology;

/// Reads the reply of CLUSTER NODES (command page, "Serialization format").
///
/// It checks only the grammar of each line. Checks find other faults, such as overlapping slots or two `myself`.
///
/// # Errors
///
/// [`TopologyError`] names the line and the field that are malformed.
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
            |name: &'static str| fields.next().ok_or_else(|| self.expected(name, "a value", "the end of the line"));
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
            endpoint: address.clone(),
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

    /// Reads `host:port@bus-port,hostname,name=value...`. Everything from `@` on is optional.
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
        text.parse().map_err(|_| self.expected(field, "a number from 0 up", text))
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

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn node(line: &str) -> Node {
        parse_nodes(line).unwrap().nodes.remove(0)
    }

    #[test]
    fn a_line_describes_a_whole_node() {
        let line = format!(
            "{A} 127.0.0.1:7000@17000,host.example,shard-id={B},tls-port=0 myself,master - 0 1795351684000 7 connected \
             0-5460 5462 [5463->-{B}] [5464-<-{B}]\n"
        );
        let node = node(&line);
        assert_eq!(node.id.as_str(), A);
        assert_eq!((node.address.to_string().as_str(), node.bus_port), ("127.0.0.1:7000", Some(17_000)));
        assert_eq!(node.hostname.as_deref(), Some("host.example"));
        assert_eq!(node.auxiliaries, [("shard-id".to_owned(), B.to_owned()), ("tls-port".to_owned(), "0".to_owned())]);
        assert_eq!(node.flags, ["myself", "master"]);
        assert_eq!((node.role, node.primary), (Role::Primary, None));
        assert_eq!((node.ping_sent_ms, node.pong_received_ms, node.config_epoch), (0, 1_795_351_684_000, 7));
        assert!(node.connected && node.is_myself() && node.is_usable());
        assert_eq!(node.slots.iter().map(SlotRange::to_string).collect::<Vec<_>>(), ["0-5460", "5462"]);
        let open: Vec<_> =
            node.open.iter().map(|open| (open.slot.number(), open.direction, open.peer.as_str())).collect();
        assert_eq!(open, [(5463, Direction::Migrating, B), (5464, Direction::Importing, B)]);
    }

    #[test]
    fn the_address_may_have_the_form_of_any_version() {
        for (field, host, port, bus_port, hostname) in [
            ("127.0.0.1:7000", "127.0.0.1", 7000, None, None),
            ("127.0.0.1:7000@17000", "127.0.0.1", 7000, Some(17_000), None),
            ("127.0.0.1:7000@17000,", "127.0.0.1", 7000, Some(17_000), None),
            ("127.0.0.1:7000@17000,,shard-id=x", "127.0.0.1", 7000, Some(17_000), None),
            ("::1:7000@17000,h", "::1", 7000, Some(17_000), Some("h")),
            (":7000@17000", "", 7000, Some(17_000), None),
            (":0@0", "", 0, Some(0), None),
        ] {
            let node = node(&format!("{A} {field} master - 0 0 0 connected"));
            assert_eq!(node.address, Address::new(host, port), "{field:?}");
            assert_eq!((node.bus_port, node.hostname.as_deref()), (bus_port, hostname), "{field:?}");
        }
    }

    #[test]
    fn flags_say_role_and_state() {
        let flagged = |flags: &str| node(&format!("{A} h:1@2 {flags} {B} 0 0 0 disconnected"));
        assert_eq!((flagged("slave").role, flagged("slave").primary.unwrap().as_str()), (Role::Replica, B));
        assert_eq!((flagged("replica").role, flagged("master").role), (Role::Replica, Role::Primary));
        let failed = flagged("slave,fail");
        assert!(failed.is_failed() && !failed.is_suspected() && !failed.is_usable() && !failed.connected);
        let suspected = flagged("master,fail?");
        assert!(suspected.is_suspected() && !suspected.is_failed() && suspected.is_usable());
        assert!(!flagged("handshake").is_usable() && !flagged("master,noaddr").is_usable());
        assert!(flagged("noflags").flags.is_empty());
    }

    #[test]
    fn an_error_names_line_and_field() {
        for (line, field) in [
            ("x h:1@2 master - 0 0 0 connected", "id"),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA h:1@2 master - 0 0 0 connected", "id"),
            (A, "address"),
            ("{A} h master - 0 0 0 connected", "address"),
            ("{A} h:x@2 master - 0 0 0 connected", "address"),
            ("{A} h:1@x master - 0 0 0 connected", "address"),
            ("{A} h:1@99999 master - 0 0 0 connected", "address"),
            ("{A} h:1@2,name,junk master - 0 0 0 connected", "address"),
            ("{A} h:1@2", "flags"),
            ("{A} h:1@2 master", "primary"),
            ("{A} h:1@2 master x 0 0 0 connected", "primary"),
            ("{A} h:1@2 master - -1 0 0 connected", "ping-sent"),
            ("{A} h:1@2 master - 0 x 0 connected", "pong-recv"),
            ("{A} h:1@2 master - 0 0 1.5 connected", "config-epoch"),
            ("{A} h:1@2 master - 0 0 0", "link-state"),
            ("{A} h:1@2 master - 0 0 0 up", "link-state"),
            ("{A} h:1@2 master - 0 0 0 connected 16384", "slot"),
            ("{A} h:1@2 master - 0 0 0 connected 5-4", "slot"),
            ("{A} h:1@2 master - 0 0 0 connected 5-", "slot"),
            ("{A} h:1@2 master - 0 0 0 connected [5->-x]", "slot"),
            ("{A} h:1@2 master - 0 0 0 connected [5--{A}]", "slot"),
            ("{A} h:1@2 master - 0 0 0 connected [5->-{A}", "slot"),
        ] {
            let text = format!("{A} h:1@2 master - 0 0 0 connected\n{}\n", line.replace("{A}", A));
            let error = parse_nodes(&text).unwrap_err();
            assert_eq!((error.place.as_str(), error.field.as_str()), ("line 2", field), "{line:?}: {error}");
        }
        let error = parse_nodes(&format!("{A} h:1@2 master - 0 0 0 up")).unwrap_err();
        let expected =
            "cannot read line 1 of CLUSTER NODES (link-state): expected connected or disconnected, found \"up\"";
        assert_eq!(error.to_string(), expected);
    }

    proptest::proptest! {
        #[test]
        fn random_lines_never_panic(rest in "[a-z0-9:@,=\\[\\]<>\\- \n]{0,60}") {
            let parsed = parse_nodes(&format!("{A} {rest}"));
            proptest::prop_assert!(parsed.is_ok() || parsed.is_err_and(|error| error.place.starts_with("line ")));
        }
    }
}
