//! Reads the reply of CLUSTER SLOT-STATS.

use std::collections::BTreeMap;

use wire::{Command, Node, Slot, Value, command};

use crate::cluster::Cluster;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};

/// The releases with the command. Redis 6.2 does not list subcommands in COMMAND, so that rct cannot look there.
pub(super) const SINCE: [&str; 2] = ["redis >=8.2", "valkey >=8.0"];

/// The metrics of one slot, by their names.
pub(super) struct SlotStats {
    pub(super) slot: Slot,
    pub(super) metrics: BTreeMap<String, i64>,
}

impl SlotStats {
    /// The value of a metric; -1 if the reply does not have it.
    pub(super) fn of(&self, metric: &str) -> i64 {
        self.metrics.get(metric).copied().unwrap_or(-1)
    }
}

/// The statistics that a node gives for these words after `CLUSTER SLOT-STATS`, in the order of its reply.
///
/// # Errors
/// A mismatch, if the reply is not a list of slots with maps of integers.
pub(super) async fn slot_stats(cluster: &Cluster, node: &Node, words: &[&str]) -> Outcome<Vec<SlotStats>> {
    let command = words.iter().fold(command!["CLUSTER", "SLOT-STATS"], Command::arg);
    let reply = cluster.expect(node, &command, Expect::Kind(Kind::Array)).await?;
    let entries: Option<Vec<SlotStats>> = reply.items().unwrap_or_default().iter().map(parse).collect();
    entries.ok_or_else(|| {
        Stop::mismatch(format!("a slot and a map of integers for each slot in reply to {command}"), reply.to_string())
    })
}

/// The statistics of one slot.
///
/// # Errors
/// As [`slot_stats`]; a mismatch, if the reply has another slot or none.
pub(super) async fn stats_of(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome<SlotStats> {
    let number = slot.to_string();
    let mut entries = slot_stats(cluster, node, &["SLOTSRANGE", &number, &number]).await?;
    match (entries.pop(), entries.len()) {
        (Some(entry), 0) if entry.slot == slot => Ok(entry),
        (_, others) => Err(Stop::mismatch(
            format!("exactly slot {slot} in CLUSTER SLOT-STATS SLOTSRANGE {slot} {slot} of {}", node.address),
            format!("another slot, or none, or {} slots", others + 1),
        )),
    }
}

fn parse(value: &Value) -> Option<SlotStats> {
    let [slot, metrics] = wire::items_of(value)? else { return None };
    let Value::Int(slot) = slot else { return None };
    let pairs: Vec<(String, i64)> = match metrics {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| pair(name, value)).collect::<Option<_>>()?,
        flat => wire::items_of(flat)?.chunks(2).map(|two| pair(&two[0], two.get(1)?)).collect::<Option<_>>()?,
    };
    Some(SlotStats { slot: Slot::new(u16::try_from(*slot).ok()?)?, metrics: pairs.into_iter().collect() })
}

fn pair(name: &Value, value: &Value) -> Option<(String, i64)> {
    let Value::Int(value) = value else { return None };
    Some((text_of(name)?, *value))
}
