//! CLUSTER SHARDS: shards, each with its slots and its nodes.

use redis::Value;

use crate::describe::describe;
use crate::reply::{bytes_of, items_of, plain};
use crate::slot::Slot;

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
    /// Its id, where the server gives one (Valkey 9.1).
    pub id: Option<String>,
    /// Keys that are none of the above, with their values.
    pub extra: Vec<(String, Value)>,
}

/// A node of a shard.
#[derive(Clone, PartialEq, Debug)]
pub struct ShardNode {
    /// Its id.
    pub id: NodeId,
    /// Its plain port.
    pub port: Option<u16>,
    /// Its TLS port.
    pub tls_port: Option<u16>,
    /// Its IP address as sent.
    pub ip: Option<String>,
    /// Its preferred endpoint as sent; `None` where it is null or missing.
    pub endpoint: Option<String>,
    /// Its host name, if one is announced.
    pub hostname: Option<String>,
    /// Its role as sent: `master` or `replica`.
    pub role: String,
    /// How far its replication got, in bytes.
    pub replication_offset: Option<i64>,
    /// Its health as sent: `online`, `loading`, `fail` or `failed`.
    pub health: String,
    /// Keys that are none of the above, with their values.
    pub extra: Vec<(String, Value)>,
}

/// Reads the answer of CLUSTER SHARDS (command page): RESP2's flat arrays and RESP3's maps.
///
/// # Errors
///
/// [`TopologyError`] names the shard, node and field that are missing or do not have their form.
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

/// The named fields of a map, each to be taken once.
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
