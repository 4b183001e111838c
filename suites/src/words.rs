//! Values in words, for the evidence of a mismatch.
//!
//! A report never shows a Rust value such as `Some(NodeId(..))`: what is missing has a name, and so has an empty list.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use wire::{Direction, Kind, Node, OpenSlot, Protocol, Topology};

/// A value in words, or `missing` if there is none.
pub fn or(value: Option<impl Display>, missing: &str) -> String {
    value.map_or_else(|| missing.to_owned(), |value| value.to_string())
}

/// Values with commas between them, or "none".
pub fn list(values: impl IntoIterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

/// A duration in seconds.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The name of a protocol.
pub fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Resp2 => "RESP2",
        Protocol::Resp3 => "RESP3",
    }
}

/// The name of a type of reply, with its article.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Simple => "a simple string",
        Kind::Error => "an error",
        Kind::Integer => "an integer",
        Kind::Bulk => "a bulk string",
        Kind::Array => "an array",
        Kind::Null => "a null",
        Kind::Double => "a double",
        Kind::Boolean => "a boolean",
        Kind::BulkError => "a bulk error",
        Kind::Verbatim => "a verbatim string",
        Kind::BigNumber => "a big number",
        Kind::Map => "a map",
        Kind::Set => "a set",
        Kind::Push => "a push",
    }
}

/// The names of several types of reply.
pub fn kinds(kinds: &[Kind]) -> String {
    kinds.iter().map(|one| kind(*one)).collect::<Vec<_>>().join(" or ")
}

/// A line of CLUSTER NODES in short: flags, primary, link and slots; or that there is no such line.
pub fn line(node: Option<&Node>) -> String {
    let Some(node) = node else { return "no line of this node".to_owned() };
    let primary = node.primary.map(|id| format!(", replica of {id}")).unwrap_or_default();
    let link = if node.connected || node.is_myself() { "connected" } else { "disconnected" };
    format!("{} flagged {}{primary}, {link}, slots {}", node.address, node.flags.join(","), list(&node.slots))
}

/// Open slots as CLUSTER NODES writes them, or "no open slot".
pub fn open_slots(slots: &[OpenSlot]) -> String {
    let written = slots.iter().map(|open| match open.direction {
        Direction::Migrating => format!("[{}->-{}]", open.slot, open.peer),
        Direction::Importing => format!("[{}-<-{}]", open.slot, open.peer),
    });
    if slots.is_empty() { "no open slot".to_owned() } else { list(written) }
}

/// The nodes, roles and slots of a view on one line.
pub fn view(view: &Topology) -> String {
    list(view.signature().lines())
}

/// The lines of two views that differ: those of the first alone, and those of the second alone.
pub fn difference(first: &Topology, second: &Topology) -> (String, String) {
    let (first, second) = (first.signature(), second.signature());
    let [one, other]: [BTreeSet<&str>; 2] = [first.lines().collect(), second.lines().collect()];
    (list(one.difference(&other)), list(other.difference(&one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-99 [5->-67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1]\n\
                         67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 127.0.0.1:7001@17001 master - 0 0 2 disconnected 100-16383\n";

    fn nodes() -> Topology {
        wire::parse_nodes(NODES).unwrap()
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(or(None::<u64>, "no owner"), "no owner");
        assert_eq!(list(Vec::<u64>::new()), "none");
        assert_eq!(list([1, 2]), "1, 2");
        assert_eq!(line(None), "no line of this node");
        assert_eq!(open_slots(&[]), "no open slot");
    }

    #[test]
    fn a_node_is_described_on_one_line() {
        let nodes = nodes().nodes;
        assert_eq!(line(Some(&nodes[1])), "127.0.0.1:7001 flagged master, disconnected, slots 100-16383");
        assert_eq!(open_slots(&nodes[0].open), format!("[5->-{}]", nodes[1].id));
    }

    #[test]
    fn only_lines_that_differ_are_shown() {
        let (first, mut second) = (nodes(), nodes());
        second.nodes[1].slots.clear();
        let (one, other) = difference(&first, &second);
        assert_eq!(one, format!("{} primary - 100-16383", first.nodes[1].id));
        assert_eq!(other, format!("{} primary - ", first.nodes[1].id));
    }
}
