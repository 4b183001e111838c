//! CLUSTER SLOTS.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Node, NodeId, Protocol, Slot, SlotsEntry, Value, command, describe, items_of};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{self, list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/slots-form")
        .title("CLUSTER SLOTS lists ranges with start, end and nodes; each node has endpoint, port, id and metadata")
        .must("CLUSTER SLOTS")
        .covers(&["topology.slots-shape"])
        .body(|cluster| Box::pin(slots_form(cluster))),
    check("topology/slots-metadata-type")
        .title("The metadata of a node in CLUSTER SLOTS is a flat array in RESP2 and a map in RESP3")
        .must("CLUSTER SLOTS")
        .covers(&["topology.slots-metadata-type"])
        .servers(SINCE_METADATA)
        .body(|cluster| Box::pin(slots_metadata_type(cluster))),
    check("topology/slots-metadata-names-the-rest")
        .title("The metadata in CLUSTER SLOTS names a node's address and host name unless they are its endpoint")
        .must("CLUSTER SLOTS")
        .covers(&["topology.slots-metadata-type"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .servers(SINCE_METADATA)
        .body(|cluster| Box::pin(slots_metadata_names_the_rest(cluster))),
    check("topology/slots-primary-first")
        .title("Each range in CLUSTER SLOTS lists its primary first and then the replicas of that primary")
        .must("CLUSTER SLOTS")
        .covers(&["topology.slots-primary-first"])
        .shape(2, 1)
        .body(|cluster| Box::pin(slots_primary_first(cluster))),
    check("topology/slots-no-overlap")
        .title("No slot is in two ranges of CLUSTER SLOTS, and all ranges of a primary list the same nodes")
        .must("CLUSTER SLOTS")
        .covers(&["topology.slots-no-overlap"])
        .shape(2, 0)
        .body(|cluster| Box::pin(slots_no_overlap(cluster))),
];

const SINCE_METADATA: &[&str] = &["redis >=7.0", "valkey"];

async fn slots_form(cluster: &Cluster) -> Outcome {
    let least = if cluster.server().is("redis <7.0") { 3 } else { 4 };
    for node in cluster.visited() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let entries = slots_reply(cluster, &node, protocol).await?;
            wire::parse_slots(&Value::Array(entries.clone())).map_err(|error| {
                Stop::mismatch(format!("the documented form of CLUSTER SLOTS from {}", node.address), error.to_string())
            })?;
            for entry in &entries {
                let nodes = items_of(entry).unwrap_or_default().get(2..).unwrap_or_default();
                let complete =
                    |node: &Value| items_of(node).is_some_and(|fields| fields.len() >= least && has_port(fields));
                ensure!(
                    !nodes.is_empty() && nodes.iter().all(complete),
                    format!(
                        "one node or more, each with {least} fields and a port, in CLUSTER SLOTS of {}",
                        node.address
                    ),
                    "{}",
                    describe(entry)
                );
            }
        }
    }
    Ok(())
}

fn has_port(fields: &[Value]) -> bool {
    matches!(fields.get(1), Some(Value::Int(1..=65_535)))
}

async fn slots_metadata_type(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        for entry in slots_reply(cluster, &node, protocol).await? {
            for listed in items_of(&entry).unwrap_or_default().iter().skip(2) {
                let metadata = items_of(listed).and_then(|fields| fields.get(3));
                let right = match (protocol, metadata) {
                    (Protocol::Resp2, Some(Value::Array(items))) => items.len().is_multiple_of(2),
                    (Protocol::Resp3, Some(Value::Map(_))) => true,
                    _ => false,
                };
                let wanted = if protocol == Protocol::Resp2 { "a flat array" } else { "a map" };
                ensure!(
                    right,
                    format!("{wanted} as metadata in CLUSTER SLOTS in {}", words::protocol(protocol)),
                    "{}",
                    describe(listed)
                );
            }
        }
    }
    Ok(())
}

async fn slots_metadata_names_the_rest(cluster: &Cluster) -> Outcome {
    const HOSTNAME: &str = "rct-node.example.org";
    let named = cluster.some_primary()?;
    let viewers = cluster.primaries();
    cluster.set_config(&named, "cluster-announce-hostname", HOSTNAME).await?;
    for (preferred, endpoint, metadata) in [
        ("ip", Some("ip"), vec!["hostname"]),
        ("hostname", Some("hostname"), vec!["ip"]),
        ("unknown-endpoint", None, vec!["ip", "hostname"]),
    ] {
        for viewer in &viewers {
            cluster.set_config(viewer, "cluster-preferred-endpoint-type", preferred).await?;
        }
        let form = |name: &str| if name == "ip" { named.address.host.as_str() } else { HOSTNAME };
        let expected: BTreeSet<(&str, &str)> = metadata.iter().map(|name| (*name, form(name))).collect();
        cluster
            .until(cluster.limits().converge, "every primary shows the host name", async || {
                for viewer in &viewers {
                    let entries = cluster.slots_view(viewer).await?;
                    let listed = entries.iter().flat_map(|entry| &entry.nodes).find(|node| node.id == Some(named.id));
                    let listed = listed.ok_or_else(|| {
                        Stop::mismatch(format!("{} in CLUSTER SLOTS of {}", named.id, viewer.address), "no such node")
                    })?;
                    let shown: BTreeSet<(&str, &str)> =
                        listed.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    ensure!(
                        listed.endpoint.as_deref() == endpoint.map(form) && expected.is_subset(&shown),
                        format!(
                            "the endpoint {} and the metadata {} of {} in CLUSTER SLOTS of {}, which prefers {preferred}",
                            or(endpoint.map(form), "null"),
                            pairs(&expected),
                            named.id,
                            viewer.address
                        ),
                        "the endpoint {} and the metadata {}",
                        or(listed.endpoint.as_ref(), "null"),
                        pairs(&shown)
                    );
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}

fn pairs(metadata: &BTreeSet<(&str, &str)>) -> String {
    list(metadata.iter().map(|(name, value)| format!("{name} {value}")))
}

async fn slots_primary_first(cluster: &Cluster) -> Outcome {
    cluster
        .until(cluster.limits().converge, "every node lists each primary with all of its replicas", async || {
            for node in cluster.visited() {
                for entry in cluster.slots_view(&node).await? {
                    let topology = cluster.topology();
                    let Some(owner) = topology.owner(entry.range.start) else {
                        return Err(Stop::mismatch(
                            format!("only slots with an owner in CLUSTER SLOTS of {}", node.address),
                            describe_entry(&entry),
                        ));
                    };
                    let foreign =
                        entry.range.slots().find(|slot| topology.owner(*slot).is_none_or(|o| o.id != owner.id));
                    let wrong = |what: String| {
                        Stop::mismatch(format!("{what} in CLUSTER SLOTS of {}", node.address), describe_entry(&entry))
                    };
                    if let Some(slot) = foreign {
                        return Err(wrong(format!(
                            "no slot of another primary, such as {slot}, in a range of {}",
                            owner.id
                        )));
                    }
                    if entry.nodes.first().and_then(|first| first.id) != Some(owner.id) {
                        return Err(wrong(format!("the primary {} first", owner.id)));
                    }
                    let replicas: BTreeSet<NodeId> =
                        cluster.replicas_of(owner).iter().map(|replica| replica.id).collect();
                    if ids(&entry.nodes[1..]) != replicas {
                        return Err(wrong(format!("after {} its replicas, {},", owner.id, list(&replicas))));
                    }
                }
            }
            Ok(())
        })
        .await
}

async fn slots_no_overlap(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        judge_ranges(&node, &cluster.slots_view(&node).await?)?;
    }
    Ok(())
}

/// Requires that the ranges in CLUSTER SLOTS of a node do not overlap, and that those of a primary list the same nodes.
pub(in crate::code) fn judge_ranges(viewer: &Node, entries: &[SlotsEntry]) -> Outcome {
    let mut owners: BTreeMap<Slot, &SlotsEntry> = BTreeMap::new();
    let mut primaries: BTreeMap<Option<NodeId>, &SlotsEntry> = BTreeMap::new();
    for entry in entries {
        for slot in entry.range.slots() {
            if let Some(other) = owners.insert(slot, entry) {
                let expected = format!("slot {slot} in only one range in CLUSTER SLOTS of {}", viewer.address);
                return Err(Stop::mismatch(expected, format!("the ranges {} and {}", other.range, entry.range)));
            }
        }
        let first = entry.nodes.first().and_then(|node| node.id);
        let known = *primaries.entry(first).or_insert(entry);
        ensure!(
            ids(&known.nodes) == ids(&entry.nodes),
            format!("the same nodes in all ranges of a primary in CLUSTER SLOTS of {}", viewer.address),
            "{} and {}",
            describe_entry(known),
            describe_entry(entry)
        );
    }
    Ok(())
}

fn ids(nodes: &[wire::SlotsNode]) -> BTreeSet<NodeId> {
    nodes.iter().filter_map(|node| node.id).collect()
}

fn describe_entry(entry: &SlotsEntry) -> String {
    let nodes: Vec<String> = entry.nodes.iter().filter_map(|node| Some(node.id?.to_string())).collect();
    format!("{} on {}", entry.range, list(nodes))
}

async fn slots_reply(cluster: &Cluster, node: &Node, protocol: Protocol) -> Outcome<Vec<Value>> {
    let mut session = cluster.session_in(node, protocol).await?;
    let reply = session.expect(command!["CLUSTER", "SLOTS"], Expect::Kind(Kind::Array)).await?;
    Ok(reply.items().unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start: u16, end: u16, ids: &[char]) -> SlotsEntry {
        let range = wire::SlotRange::new(Slot::new(start).unwrap(), Slot::new(end).unwrap()).unwrap();
        let node = |id: &char| wire::SlotsNode {
            endpoint: Some("127.0.0.1".into()),
            port: 1,
            id: Some(id.to_string().repeat(40).parse().unwrap()),
            metadata: Vec::new(),
        };
        SlotsEntry { range, nodes: ids.iter().map(node).collect() }
    }

    #[test]
    fn ranges_must_not_overlap_and_must_name_the_same_nodes() {
        let line = format!("{} h:1@2 master - 0 0 1 connected", "a".repeat(40));
        let viewer = wire::parse_nodes(&line).unwrap().nodes.remove(0);
        let judge = |entries: &[SlotsEntry]| judge_ranges(&viewer, entries).is_ok();
        assert!(judge(&[entry(0, 5, &['a', 'b']), entry(7, 9, &['a', 'b']), entry(6, 6, &['c'])]));
        assert!(!judge(&[entry(0, 5, &['a']), entry(5, 9, &['b'])]));
        assert!(!judge(&[entry(0, 5, &['a', 'b']), entry(7, 9, &['a'])]));
    }
}
