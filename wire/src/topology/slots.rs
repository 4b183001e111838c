//! The parser for CLUSTER SLOTS: ranges, each with its primary and then its replicas.

use redis::Value;

use crate::describe::describe;
use crate::slot::Slot;
use crate::value::{bytes_of, items_of, plain};

use super::error::TopologyError;
use super::node::{NodeId, SlotRange};

/// A range of CLUSTER SLOTS and the nodes that serve it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotsEntry {
    /// The slots.
    pub range: SlotRange,
    /// The nodes in the order of the reply, the primary first.
    pub nodes: Vec<SlotsNode>,
}

/// A node of CLUSTER SLOTS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotsNode {
    /// The preferred endpoint as sent. `None` for null, which means the host to which the client connected.
    pub endpoint: Option<String>,
    /// The port.
    pub port: u16,
    /// The node's id; missing before version 4.0.
    pub id: Option<NodeId>,
    /// Other names of the node, such as `ip` and `hostname`; missing before version 7.0.
    pub metadata: Vec<(String, String)>,
}

/// Reads the reply of CLUSTER SLOTS (command page), in RESP2 or RESP3.
///
/// # Errors
///
/// [`TopologyError`] names the entry and the field that are malformed.
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

/// The pairs of a RESP3 map, or of the flat array that RESP2 sends instead.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;

    const ID: &str = "8ecf75917638fb4aef9b88290ea31468c8383752";

    fn parse(reply: &str) -> Result<Vec<SlotsEntry>, TopologyError> {
        parse_slots(Reply::parse(reply.replace("{ID}", &format!("$40\r\n{ID}"))).unwrap().value())
    }

    fn one(node: &str) -> Result<SlotsNode, TopologyError> {
        parse(&format!("*1\r\n*3\r\n:0\r\n:5460\r\n{node}")).map(|mut entries| entries.remove(0).nodes.remove(0))
    }

    #[test]
    fn metadata_is_an_array_in_resp2_and_a_map_in_resp3() {
        let expected = SlotsNode {
            endpoint: Some("127.0.0.1".to_owned()),
            port: 7000,
            id: ID.parse().ok(),
            metadata: vec![("hostname".to_owned(), "h".to_owned())],
        };
        for metadata in ["*2", "%1"] {
            let node =
                format!("*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n{{ID}}\r\n{metadata}\r\n$8\r\nhostname\r\n$1\r\nh\r\n");
            assert_eq!(one(&node), Ok(expected.clone()));
        }
    }

    #[test]
    fn nodes_may_have_the_form_of_any_version() {
        let old = SlotsNode { endpoint: Some("h".to_owned()), port: 1, id: None, metadata: Vec::new() };
        assert_eq!(one("*2\r\n$1\r\nh\r\n:1\r\n"), Ok(old.clone()));
        assert_eq!(one("*3\r\n$1\r\nh\r\n:1\r\n{ID}\r\n"), Ok(SlotsNode { id: ID.parse().ok(), ..old.clone() }));
        for null in ["$-1", "_"] {
            assert_eq!(one(&format!("*2\r\n{null}\r\n:1\r\n")), Ok(SlotsNode { endpoint: None, ..old.clone() }));
        }
        assert_eq!(parse("*0\r\n"), Ok(Vec::new()));
        let entries = parse("*1\r\n*4\r\n:5\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$1\r\nb\r\n:2\r\n").unwrap();
        assert_eq!(entries[0].range.to_string(), "5");
        assert_eq!(entries[0].nodes.iter().map(|node| node.port).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_error_names_entry_and_field() {
        let good = "*2\r\n:0\r\n:1\r\n";
        for (entry, place, field) in [
            ("+OK\r\n", "entry 2", "range"),
            ("*1\r\n:0\r\n", "entry 2", "range"),
            ("*2\r\n:-1\r\n:1\r\n", "entry 2", "start"),
            ("*2\r\n:0\r\n:16384\r\n", "entry 2", "end"),
            ("*2\r\n:0\r\n$1\r\n1\r\n", "entry 2", "end"),
            ("*2\r\n:2\r\n:1\r\n", "entry 2", "end"),
            ("*3\r\n:0\r\n:1\r\n$1\r\na\r\n", "entry 2, node 1", "node"),
            ("*3\r\n:0\r\n:1\r\n*2\r\n:1\r\n:1\r\n", "entry 2, node 1", "endpoint"),
            ("*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n", "entry 2, node 1", "port"),
            ("*3\r\n:0\r\n:1\r\n*3\r\n$1\r\nh\r\n:1\r\n$1\r\nx\r\n", "entry 2, node 1", "id"),
            ("*3\r\n:0\r\n:1\r\n*4\r\n$1\r\nh\r\n:1\r\n{ID}\r\n*1\r\n+a\r\n", "entry 2, node 1", "metadata"),
        ] {
            let error = parse(&format!("*2\r\n{good}{entry}")).unwrap_err();
            assert_eq!((error.place.as_str(), error.field.as_str()), (place, field), "{entry:?}: {error}");
        }
        let error = parse("-ERR no\r\n").unwrap_err();
        assert_eq!(error.to_string(), "cannot read the reply of CLUSTER SLOTS: expected an array, found error ERR no");
    }
}
