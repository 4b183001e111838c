//! CLUSTER SLOTS: ranges, each with its primary and then its replicas.

use redis::Value;

use crate::describe::describe;
use crate::reply::{bytes_of, items_of, plain};
use crate::slot::Slot;

use super::error::TopologyError;
use super::node::{NodeId, SlotRange};

/// A range of CLUSTER SLOTS and the nodes that serve it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotsEntry {
    /// The slots.
    pub range: SlotRange,
    /// The nodes as sent: the primary first.
    pub nodes: Vec<SlotsNode>,
}

/// A node of CLUSTER SLOTS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotsNode {
    /// The preferred endpoint as sent; `None` for null, which means the host that was dialled.
    pub endpoint: Option<String>,
    /// The port.
    pub port: u16,
    /// The node's id; absent before version 4.0.
    pub id: Option<NodeId>,
    /// Further ways to name the node, as `ip` and `hostname`; absent before version 7.0.
    pub metadata: Vec<(String, String)>,
}

/// Reads the answer of CLUSTER SLOTS (command page), in RESP2 and RESP3.
///
/// # Errors
///
/// [`TopologyError`] names the entry and the field that do not have their form.
pub fn parse_slots(value: &Value) -> Result<Vec<SlotsEntry>, TopologyError> {
    let entries = items_of(value).ok_or_else(|| expected("the reply", "", "an array", value))?;
    entries.iter().enumerate().map(|(index, entry)| parse_entry(&format!("entry {}", index + 1), entry)).collect()
}

fn parse_entry(place: &str, entry: &Value) -> Result<SlotsEntry, TopologyError> {
    let Some([start, end, nodes @ ..]) = items_of(entry) else {
        return Err(expected(place, "range", "an array of start, end and nodes", entry));
    };
    let (start, end) = (parse_slot(place, "start", start)?, parse_slot(place, "end", end)?);
    let range = SlotRange::new(start, end).ok_or_else(|| expected(place, "end", "a slot not before start", entry))?;
    let nodes = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| parse_node(&format!("{place}, node {}", index + 1), node))
        .collect::<Result<_, _>>()?;
    Ok(SlotsEntry { range, nodes })
}

fn parse_node(place: &str, node: &Value) -> Result<SlotsNode, TopologyError> {
    let Some([endpoint, port, more @ ..]) = items_of(node) else {
        return Err(expected(place, "node", "an array of endpoint, port, id and metadata", node));
    };
    let endpoint = match plain(endpoint) {
        Value::Nil => None,
        text => Some(parse_text(place, "endpoint", text)?),
    };
    let port = match plain(port) {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
    .ok_or_else(|| expected(place, "port", "a number from 0 to 65535", port))?;
    let id = match more.first() {
        None => None,
        Some(id) => Some(
            parse_text(place, "id", id)?
                .parse()
                .map_err(|_| expected(place, "id", "40 lower-case hexadecimal digits", id))?,
        ),
    };
    let metadata = match more.get(1) {
        None => Vec::new(),
        Some(metadata) => parse_metadata(place, metadata)?,
    };
    Ok(SlotsNode { endpoint, port, id, metadata })
}

fn parse_metadata(place: &str, metadata: &Value) -> Result<Vec<(String, String)>, TopologyError> {
    let text = |value| parse_text(place, "metadata", value);
    pairs_of(metadata)
        .ok_or_else(|| expected(place, "metadata", "names and values", metadata))?
        .into_iter()
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

fn parse_slot(place: &str, field: &str, value: &Value) -> Result<Slot, TopologyError> {
    match plain(value) {
        Value::Int(number) => u16::try_from(*number).ok().and_then(Slot::new),
        _ => None,
    }
    .ok_or_else(|| expected(place, field, "a slot from 0 to 16383", value))
}

fn parse_text(place: &str, field: &str, value: &Value) -> Result<String, TopologyError> {
    match bytes_of(value).map(|bytes| String::from_utf8(bytes.to_vec())) {
        Some(Ok(text)) => Ok(text),
        _ => Err(expected(place, field, "a text", value)),
    }
}

/// The pairs of a RESP3 map, or of a RESP2 array that stands for one.
pub(super) fn pairs_of(value: &Value) -> Option<Vec<(&Value, &Value)>> {
    match plain(value) {
        Value::Map(pairs) => Some(pairs.iter().map(|(name, value)| (name, value)).collect()),
        Value::Array(items) if items.len().is_multiple_of(2) => {
            Some(items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect())
        }
        _ => None,
    }
}

fn expected(place: &str, field: &str, expected: &str, found: &Value) -> TopologyError {
    TopologyError::expected("CLUSTER SLOTS", place, field, expected, &describe(found))
}
