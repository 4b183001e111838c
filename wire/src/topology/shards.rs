//! The parser for CLUSTER SHARDS: shards, each with its slots and its nodes.

use redis::Value;

use crate::describe::describe;
use crate::slot::Slot;
use crate::value::{bytes_of, items_of, plain};

use super::error::TopologyError;
use super::node::{NodeId, SlotRange};
use super::slots::pairs_of;

/// A shard of CLUSTER SHARDS.
#[derive(Clone, PartialEq, Debug)]
pub struct Shard {
    /// The slots that it serves.
    pub slots: Vec<SlotRange>,
    /// Its nodes.
    pub nodes: Vec<ShardNode>,
    /// Its id, if the server sends one (Valkey 9.1).
    pub id: Option<String>,
    /// Keys that are none of the above, with their values.
    pub extra: Vec<(String, Value)>,
}

/// A node of a shard.
#[derive(Clone, PartialEq, Debug)]
pub struct ShardNode {
    /// Its id.
    pub id: NodeId,
    /// Its port without TLS.
    pub port: Option<u16>,
    /// Its TLS port.
    pub tls_port: Option<u16>,
    /// Its IP address as sent.
    pub ip: Option<String>,
    /// Its preferred endpoint as sent; `None` if it is null or missing.
    pub endpoint: Option<String>,
    /// Its host name, if it announces one.
    pub hostname: Option<String>,
    /// Its role as sent: `master` or `replica`.
    pub role: String,
    /// Its replication offset, in bytes.
    pub replication_offset: Option<i64>,
    /// Its health as sent: `online`, `loading`, `fail` or `failed`.
    pub health: String,
    /// Keys that are none of the above, with their values.
    pub extra: Vec<(String, Value)>,
}

/// Reads the reply of CLUSTER SHARDS (command page): the flat arrays of RESP2 or the maps of RESP3.
///
/// # Errors
///
/// [`TopologyError`] names the shard, the node and the field that are missing or malformed.
pub fn parse_shards(value: &Value) -> Result<Vec<Shard>, TopologyError> {
    let shards = items_of(value).ok_or_else(|| expected("the reply", "", "an array", value))?;
    shards.iter().enumerate().map(|(index, shard)| parse_shard(&format!("shard {}", index + 1), shard)).collect()
}

fn parse_shard(place: &str, shard: &Value) -> Result<Shard, TopologyError> {
    let mut fields = Fields::of(place, shard)?;
    let slots = fields.required("slots", |value| parse_ranges(place, value))?;
    let nodes = fields.required("nodes", |value| {
        let nodes = items_of(value).ok_or_else(|| expected(place, "nodes", "an array", value))?;
        nodes
            .iter()
            .enumerate()
            .map(|(index, node)| parse_node(&format!("{place}, node {}", index + 1), node))
            .collect()
    })?;
    let id = fields.optional("id", |value| parse_text(place, "id", value))?;
    Ok(Shard { slots, nodes, id, extra: fields.rest() })
}

fn parse_node(place: &str, node: &Value) -> Result<ShardNode, TopologyError> {
    let mut fields = Fields::of(place, node)?;
    let id = fields.required("id", |value| {
        let text = parse_text(place, "id", value)?;
        text.parse().map_err(|_| expected(place, "id", "40 lower-case hexadecimal digits", value))
    })?;
    Ok(ShardNode {
        id,
        port: fields.optional("port", |value| parse_port(place, "port", value))?,
        tls_port: fields.optional("tls-port", |value| parse_port(place, "tls-port", value))?,
        ip: fields.optional("ip", |value| parse_text(place, "ip", value))?,
        endpoint: fields.optional("endpoint", |value| parse_text(place, "endpoint", value))?,
        hostname: fields.optional("hostname", |value| parse_text(place, "hostname", value))?,
        role: fields.required("role", |value| parse_text(place, "role", value))?,
        replication_offset: fields.optional("replication-offset", |value| {
            number_of(value).ok_or_else(|| expected(place, "replication-offset", "a number", value))
        })?,
        health: fields.required("health", |value| parse_text(place, "health", value))?,
        extra: fields.rest(),
    })
}

/// Reads `start, end, start, end...`.
fn parse_ranges(place: &str, value: &Value) -> Result<Vec<SlotRange>, TopologyError> {
    let refuse = || expected(place, "slots", "pairs of start and end from 0 to 16383", value);
    let bound = |value| number_of(value).and_then(|number| u16::try_from(number).ok()).and_then(Slot::new);
    let bounds = items_of(value).filter(|bounds| bounds.len().is_multiple_of(2)).ok_or_else(refuse)?;
    bounds
        .chunks_exact(2)
        .map(|pair| SlotRange::new(bound(&pair[0])?, bound(&pair[1])?))
        .collect::<Option<_>>()
        .ok_or_else(refuse)
}

fn parse_port(place: &str, field: &str, value: &Value) -> Result<u16, TopologyError> {
    number_of(value)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| expected(place, field, "a number from 0 to 65535", value))
}

fn parse_text(place: &str, field: &str, value: &Value) -> Result<String, TopologyError> {
    text_of(value).ok_or_else(|| expected(place, field, "a text", value))
}

fn text_of(value: &Value) -> Option<String> {
    String::from_utf8(bytes_of(value)?.to_vec()).ok()
}

/// An integer, or a text that is one.
fn number_of(value: &Value) -> Option<i64> {
    match plain(value) {
        Value::Int(number) => Some(*number),
        other => text_of(other)?.parse().ok(),
    }
}

/// The named fields of a map. Each can be taken once.
struct Fields<'a> {
    place: &'a str,
    left: Vec<(String, &'a Value)>,
}

impl<'a> Fields<'a> {
    fn of(place: &'a str, value: &'a Value) -> Result<Self, TopologyError> {
        let pairs = pairs_of(value).ok_or_else(|| expected(place, "fields", "names and values", value))?;
        let named = pairs.into_iter().map(|(name, value)| Ok((parse_text(place, "a field's name", name)?, value)));
        Ok(Self { place, left: named.collect::<Result<_, _>>()? })
    }

    fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Result<T, TopologyError>,
    ) -> Result<T, TopologyError> {
        match self.take(name) {
            Some(value) => read(value),
            None => Err(TopologyError::expected("CLUSTER SHARDS", self.place, name, "a value", "no such key")),
        }
    }

    /// Reads a field that may be missing or null.
    fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Result<T, TopologyError>,
    ) -> Result<Option<T>, TopologyError> {
        self.take(name).filter(|value| !matches!(plain(value), Value::Nil)).map(read).transpose()
    }

    fn take(&mut self, name: &str) -> Option<&'a Value> {
        let position = self.left.iter().position(|(own, _)| own == name)?;
        Some(self.left.remove(position).1)
    }

    fn rest(self) -> Vec<(String, Value)> {
        self.left.into_iter().map(|(name, value)| (name, value.clone())).collect()
    }
}

fn expected(place: &str, field: &str, expected: &str, found: &Value) -> TopologyError {
    TopologyError::expected("CLUSTER SHARDS", place, field, expected, &describe(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;

    const ID: &str = "8ecf75917638fb4aef9b88290ea31468c8383752";

    /// Writes words as a RESP2 array or a RESP3 map of bulk strings. Words that start with a RESP type stay unchanged.
    fn fields(resp3: bool, words: &[&str]) -> String {
        let mut text = if resp3 { format!("%{}\r\n", words.len() / 2) } else { format!("*{}\r\n", words.len()) };
        for word in words {
            match word.as_bytes() {
                [b':' | b'*' | b'%' | b'$' | b'_', ..] => text.push_str(word),
                _ => text.push_str(&format!("${}\r\n{word}\r\n", word.len())),
            }
        }
        text
    }

    fn parse(reply: String) -> Result<Vec<Shard>, TopologyError> {
        parse_shards(Reply::parse(reply).unwrap().value())
    }

    #[test]
    fn both_protocols_give_the_same_shards() {
        for resp3 in [false, true] {
            let node = fields(
                resp3,
                &[
                    "id",
                    ID,
                    "port",
                    ":7000\r\n",
                    "tls-port",
                    ":7001\r\n",
                    "ip",
                    "127.0.0.1",
                    "endpoint",
                    "h",
                    "hostname",
                    "h",
                    "role",
                    "master",
                    "replication-offset",
                    ":42\r\n",
                    "health",
                    "online",
                    "availability-zone",
                    "z",
                ],
            );
            let slots = "*4\r\n:0\r\n:5460\r\n$1\r\n7\r\n:7\r\n";
            let shard = fields(resp3, &["slots", slots, "nodes", &format!("*1\r\n{node}"), "id", "s", "new", ":1\r\n"]);
            let shards = parse(format!("*1\r\n{shard}")).unwrap();
            let expected = ShardNode {
                id: ID.parse().unwrap(),
                port: Some(7000),
                tls_port: Some(7001),
                ip: Some("127.0.0.1".to_owned()),
                endpoint: Some("h".to_owned()),
                hostname: Some("h".to_owned()),
                role: "master".to_owned(),
                replication_offset: Some(42),
                health: "online".to_owned(),
                extra: vec![("availability-zone".to_owned(), Value::BulkString(b"z".to_vec()))],
            };
            assert_eq!(shards[0].nodes, [expected], "resp3: {resp3}");
            assert_eq!(shards[0].slots.iter().map(SlotRange::to_string).collect::<Vec<_>>(), ["0-5460", "7"]);
            assert_eq!(
                (shards[0].id.as_deref(), &shards[0].extra[..]),
                (Some("s"), &[("new".to_owned(), Value::Int(1))][..])
            );
        }
    }

    #[test]
    fn fields_that_some_versions_do_not_send_may_be_missing() {
        let node = fields(true, &["id", ID, "endpoint", "_\r\n", "role", "replica", "health", "loading"]);
        let shard = fields(true, &["slots", "*0\r\n", "nodes", &format!("*1\r\n{node}")]);
        let shards = parse(format!("*1\r\n{shard}")).unwrap();
        let node = &shards[0].nodes[0];
        assert_eq!((node.port, node.endpoint.as_deref(), node.replication_offset), (None, None, None));
        assert!(shards[0].slots.is_empty() && shards[0].id.is_none());
        assert_eq!(parse("*0\r\n".to_owned()), Ok(Vec::new()));
    }

    #[test]
    fn an_error_names_shard_node_and_field() {
        let with =
            |node: &[&str]| fields(false, &["slots", "*0\r\n", "nodes", &format!("*1\r\n{}", fields(false, node))]);
        for (shard, place, field) in [
            ("+OK\r\n".to_owned(), "shard 1", "fields"),
            (fields(false, &["slots"]), "shard 1", "fields"),
            (fields(false, &["nodes", "*0\r\n"]), "shard 1", "slots"),
            (fields(false, &["slots", "*1\r\n:0\r\n", "nodes", "*0\r\n"]), "shard 1", "slots"),
            (fields(false, &["slots", "*2\r\n:1\r\n:0\r\n", "nodes", "*0\r\n"]), "shard 1", "slots"),
            (fields(false, &["slots", "*2\r\n:0\r\n:16384\r\n", "nodes", "*0\r\n"]), "shard 1", "slots"),
            (fields(false, &["slots", "*0\r\n"]), "shard 1", "nodes"),
            (with(&["role", "master", "health", "online"]), "shard 1, node 1", "id"),
            (with(&["id", "x", "role", "master", "health", "online"]), "shard 1, node 1", "id"),
            (with(&["id", ID, "health", "online"]), "shard 1, node 1", "role"),
            (with(&["id", ID, "role", "master"]), "shard 1, node 1", "health"),
            (with(&["id", ID, "port", ":65536\r\n", "role", "master", "health", "online"]), "shard 1, node 1", "port"),
        ] {
            let error = parse(format!("*1\r\n{shard}")).unwrap_err();
            assert_eq!((error.place.as_str(), error.field.as_str()), (place, field), "{shard:?}: {error}");
        }
    }
}
