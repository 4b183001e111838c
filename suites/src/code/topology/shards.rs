//! CLUSTER SHARDS.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Node, Protocol, Shard, SlotRange, Value, bytes_of, command, describe, items_of};

use super::ids::my_shard_id;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{self, list, or};

/// The versions that have CLUSTER SHARDS.
pub(super) const SHARDS_SINCE: &[&str] = &["redis >=7.0", "valkey"];
/// The command that most checks of this file need.
const SHARDS: &[&str] = &["CLUSTER SHARDS"];

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/shards-form")
        .title("CLUSTER SHARDS lists shards, each with nodes and with slots as a flat list of starts and ends")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-shape"])
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_form(cluster))),
    check("topology/shards-node-fields")
        .title("Each node in CLUSTER SHARDS has id, port, ip, endpoint, role, replication-offset and health")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-node-fields"])
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_node_fields(cluster))),
    check("topology/shards-roles")
        .title("CLUSTER SHARDS reports each node's actual role as master or replica")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-role-values"])
        .shape(2, 1)
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_roles(cluster))),
    check("topology/shards-health")
        .title("The health in CLUSTER SHARDS is online, loading or fail, and is online for a healthy node")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-health-values"])
        .shape(2, 1)
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_health(cluster))),
    check("topology/shards-grouping")
        .title("Each shard in CLUSTER SHARDS is one primary with its replicas and has the primary's slots")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-grouping"])
        .shape(2, 1)
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_grouping(cluster))),
    check("topology/shards-replica-offset")
        .title("The replication offset of a replica in CLUSTER SHARDS catches up with the offset of its primary")
        .should("CLUSTER SHARDS")
        .covers(&["topology.shards-replica-offset"])
        .shape(1, 1)
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_replica_offset(cluster))),
    check("topology/shards-same-everywhere")
        .title("Every node, also every replica, reports the same shards")
        .must("CLUSTER SHARDS")
        .covers(&["topology.shards-all-nodes-agree"])
        .shape(2, 1)
        .commands(SHARDS)
        .servers(SHARDS_SINCE)
        .body(|cluster| Box::pin(shards_same_everywhere(cluster))),
    check("topology/shards-id")
        .title("Each shard in CLUSTER SHARDS has the shard id that its nodes report, and a node shows its zone if set")
        .may("CLUSTER SHARDS")
        .covers(&["topology.shards-shard-id-field"])
        .shape(2, 1)
        .needs(&[Need::SetConfig])
        .commands(&["CLUSTER SHARDS", "CLUSTER MYSHARDID"])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(shards_id(cluster))),
];

async fn shards_form(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let reply = shards_reply(cluster, &node, protocol).await?;
            for shard in &reply {
                let slots = field(shard, "slots").and_then(items_of);
                let flat = slots.is_some_and(|slots| {
                    slots.len().is_multiple_of(2) && slots.iter().all(|slot| matches!(slot, Value::Int(0..=16_383)))
                });
                let nodes = field(shard, "nodes").and_then(items_of).unwrap_or_default();
                let maps = [shard].into_iter().chain(nodes).all(|map| is_map(map, protocol));
                ensure!(
                    flat && maps && !nodes.is_empty(),
                    format!(
                        "shards with a flat list of slots and with nodes in CLUSTER SHARDS of {} in {}",
                        node.address,
                        words::protocol(protocol)
                    ),
                    "{}",
                    describe(shard)
                );
            }
            wire::parse_shards(&Value::Array(reply)).map_err(|error| {
                Stop::mismatch(
                    format!("the documented form of CLUSTER SHARDS from {}", node.address),
                    error.to_string(),
                )
            })?;
        }
    }
    Ok(())
}

async fn shards_node_fields(cluster: &Cluster) -> Outcome {
    const TEXTS: [&str; 4] = ["id", "ip", "role", "health"];
    // A node that never met another does not know its own address.
    let is_alone = cluster.topology().nodes.len() == 1;
    let left_out: Vec<String> = cluster.live().findings.left_out.iter().map(|node| node.id.to_string()).collect();
    for viewer in cluster.visited() {
        for shard in shards_reply(cluster, &viewer, Protocol::Resp2).await? {
            for node in field(&shard, "nodes").and_then(items_of).unwrap_or_default() {
                // What is shown about a node that is dead or half known is not fixed.
                if left_out.iter().any(|left_out| field(node, "id").and_then(text_of).as_deref() == Some(left_out)) {
                    continue;
                }
                let has_text = |name: &str| field(node, name).and_then(text_of).is_some_and(|text| !text.is_empty());
                let port = |name: &str| matches!(field(node, name), Some(Value::Int(1..=65_535)));
                // The endpoint is null if a node has none, and the host name is there only if one is set.
                let may_be_empty = |name: &str| is_alone && name == "ip" && field(node, name).is_some();
                let right = TEXTS.into_iter().all(|name| has_text(name) || may_be_empty(name))
                    && field(node, "endpoint").is_some()
                    && matches!(field(node, "replication-offset"), Some(Value::Int(0..)))
                    && (port("port") || port("tls-port"))
                    && (field(node, "hostname").is_none() || has_text("hostname"));
                ensure!(
                    right,
                    format!(
                        "{}, endpoint, replication-offset and a port of each node in CLUSTER SHARDS of {}",
                        list(TEXTS),
                        viewer.address
                    ),
                    "{}",
                    describe(node)
                );
            }
        }
    }
    Ok(())
}

async fn shards_roles(cluster: &Cluster) -> Outcome {
    for viewer in cluster.visited() {
        for listed in cluster.shards_view(&viewer).await?.iter().flat_map(|shard| &shard.nodes) {
            let known = cluster.topology().node(&listed.id).map(|node| node.role);
            let role = match listed.role.as_str() {
                "master" => Some(wire::Role::Primary),
                "replica" => Some(wire::Role::Replica),
                _ => None,
            };
            ensure!(
                role.is_some() && role == known,
                format!(
                    "the role {} of {} in CLUSTER SHARDS of {}",
                    if known == Some(wire::Role::Replica) { "replica" } else { "master" },
                    listed.id,
                    viewer.address
                ),
                "the role {:?}",
                listed.role
            );
        }
    }
    Ok(())
}

async fn shards_health(cluster: &Cluster) -> Outcome {
    let look = async || {
        for viewer in cluster.visited() {
            for listed in cluster.shards_view(&viewer).await?.iter().flat_map(|shard| &shard.nodes) {
                let works = cluster.topology().node(&listed.id).is_some_and(Node::is_usable);
                let allowed: &[&str] = if works { &["online"] } else { &["online", "loading", "fail", "failed"] };
                ensure!(
                    allowed.contains(&listed.health.as_str()),
                    format!(
                        "the health {} of {} in CLUSTER SHARDS of {}",
                        allowed.join(" or "),
                        listed.id,
                        viewer.address
                    ),
                    "the health {:?}",
                    listed.health
                );
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every node shows all nodes as online", look).await
}

/// Waits until every node groups the shards correctly.
///
/// Nodes spread the shard of a replica apart from its primary, so a new cluster may agree on one before the other.
async fn shards_grouping(cluster: &Cluster) -> Outcome {
    let look = async || {
        for viewer in cluster.visited() {
            grouped(cluster, &viewer).await?;
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every node shows each replica in the shard of its primary", look).await
}

async fn grouped(cluster: &Cluster, viewer: &Node) -> Outcome {
    let view = cluster.topology();
    let shards = cluster.shards_view(viewer).await?;
    for shard in &shards {
        let primaries: Vec<_> = shard.nodes.iter().filter(|node| node.role == "master").collect();
        let [primary] = primaries[..] else {
            return Err(Stop::mismatch(
                format!("one master in each shard in CLUSTER SHARDS of {}", viewer.address),
                describe_shard(shard),
            ));
        };
        let mut own: BTreeSet<_> = view.replicas_of(&primary.id).map(|node| node.id).collect();
        own.insert(primary.id);
        let listed: BTreeSet<_> = shard.nodes.iter().map(|node| node.id).collect();
        let slots = view.node(&primary.id).map(|node| node.slots.clone()).unwrap_or_default();
        ensure!(
            listed == own && listed.len() == shard.nodes.len() && shard.slots == slots,
            format!("{} with its replicas and slots as one shard in CLUSTER SHARDS of {}", primary.id, viewer.address),
            "{}",
            describe_shard(shard)
        );
    }
    let (count, known) = (shards.iter().map(|shard| shard.nodes.len()).sum::<usize>(), view.nodes.len());
    ensure!(count == known, format!("all {known} nodes in CLUSTER SHARDS of {}", viewer.address), "{count} nodes");
    Ok(())
}

async fn shards_replica_offset(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
    let written = own_offset(cluster, &primary).await?;
    ensure!(written > 0, format!("a replication-offset above 0 of {} after a write", primary.address), "{written}");
    cluster
        .until(cluster.limits().replicate, "the offset of the replica reaches that of the primary", async || {
            let reached = own_offset(cluster, &replica).await?;
            ensure!(
                reached >= written,
                format!("a replication-offset of {written} or more of {}", replica.address),
                "{reached}"
            );
            Ok(())
        })
        .await
}

/// The replication offset that a node reports of itself in CLUSTER SHARDS.
async fn own_offset(cluster: &Cluster, node: &Node) -> Outcome<i64> {
    let shards = cluster.shards_view(node).await?;
    let own = shards.iter().flat_map(|shard| &shard.nodes).find(|listed| listed.id == node.id);
    own.and_then(|own| own.replication_offset).ok_or_else(|| {
        Stop::mismatch(format!("a replication-offset of {} in its own CLUSTER SHARDS", node.address), "no offset")
    })
}

async fn shards_same_everywhere(cluster: &Cluster) -> Outcome {
    let look = async || {
        let mut first: Option<(Node, BTreeSet<String>)> = None;
        for viewer in cluster.visited() {
            let shards: BTreeSet<String> = cluster.shards_view(&viewer).await?.iter().map(describe_shard).collect();
            match &first {
                None => first = Some((viewer, shards)),
                Some((other, expected)) => ensure!(
                    shards == *expected,
                    format!(
                        "in CLUSTER SHARDS of {}, as of {}: {}",
                        viewer.address,
                        other.address,
                        list(expected.difference(&shards))
                    ),
                    "instead of these shards: {}",
                    list(shards.difference(expected))
                ),
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "all nodes report the same shards", look).await
}

async fn shards_id(cluster: &Cluster) -> Outcome {
    let mut own = BTreeMap::new();
    for node in cluster.visited() {
        own.insert(node.id, my_shard_id(cluster, &node).await?);
    }
    let all = cluster.nodes();
    let is_unvisited = |id: &wire::NodeId| !own.contains_key(id) && all.iter().any(|node| node.id == *id);
    let look = async || {
        for viewer in cluster.visited() {
            for shard in cluster.shards_view(&viewer).await? {
                for node in shard.nodes.iter().filter(|node| !is_unvisited(&node.id)) {
                    ensure!(
                        shard.id.is_some() && shard.id.as_ref() == own.get(&node.id),
                        format!(
                            "the shard id {} for {} in CLUSTER SHARDS of {}",
                            or(own.get(&node.id), "of an unknown node"),
                            node.id,
                            viewer.address
                        ),
                        "{}",
                        or(shard.id.as_ref(), "no shard id")
                    );
                }
            }
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every node knows the shard of every node", look).await?;
    const ZONE: &str = "rct-zone";
    let zoned = cluster.some_primary()?;
    cluster.set_config(&zoned, "availability-zone", ZONE).await?;
    let shards = cluster.shards_view(&zoned).await?;
    let listed = shards.iter().flat_map(|shard| &shard.nodes).find(|node| node.id == zoned.id);
    let zone = listed.and_then(|node| node.extra.iter().find(|(name, _)| name == "availability-zone"));
    ensure!(
        zone.and_then(|(_, value)| text_of(value)).as_deref() == Some(ZONE),
        format!("availability-zone {ZONE} of {} in its own CLUSTER SHARDS", zoned.address),
        "{}",
        or(zone.map(|(_, value)| describe(value)), "no such field")
    );
    Ok(())
}

/// The slots and nodes of a shard, without offsets and health, which change all the time.
fn describe_shard(shard: &Shard) -> String {
    let slots: Vec<String> = shard.slots.iter().map(SlotRange::to_string).collect();
    let node = |node: &wire::ShardNode| {
        let (id, role) = (&node.id, &node.role);
        format!(
            "{id} {role}, endpoint {}, ip {}, port {}, tls-port {}",
            or(node.endpoint.as_ref(), "null"),
            or(node.ip.as_ref(), "none"),
            or(node.port, "none"),
            or(node.tls_port, "none")
        )
    };
    let nodes: BTreeSet<String> = shard.nodes.iter().map(node).collect();
    format!("slots {} on {}", list(slots), nodes.into_iter().collect::<Vec<_>>().join("; "))
}

async fn shards_reply(cluster: &Cluster, node: &Node, protocol: Protocol) -> Outcome<Vec<Value>> {
    let mut session = cluster.session_in(node, protocol).await?;
    let reply = session.expect(command!["CLUSTER", "SHARDS"], Expect::Kind(Kind::Array)).await?;
    Ok(reply.items().unwrap_or_default().to_vec())
}

fn is_map(value: &Value, protocol: Protocol) -> bool {
    match protocol {
        Protocol::Resp2 => items_of(value).is_some_and(|items| items.len().is_multiple_of(2)),
        Protocol::Resp3 => matches!(value, Value::Map(_)),
    }
}

/// A field of a map, or of the flat array that represents it in RESP2.
fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let is_name = |value: &Value| bytes_of(value) == Some(name.as_bytes());
    match map {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is_name(key)).map(|(_, value)| value),
        flat => items_of(flat)?.chunks_exact(2).find(|pair| is_name(&pair[0])).map(|pair| &pair[1]),
    }
}
