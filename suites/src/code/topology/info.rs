//! CLUSTER INFO.

use std::collections::BTreeMap;

use wire::{Kind, Node, Protocol, Role, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::{self, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/info-format")
        .title("CLUSTER INFO returns lines of the form name:value, each ended by CRLF")
        .must("CLUSTER INFO")
        .covers(&["topology.info-format"])
        .body(|cluster| Box::pin(info_format(cluster))),
    check("topology/info-fields")
        .title("CLUSTER INFO has the documented fields, and all except cluster_state are numbers")
        .must("CLUSTER INFO")
        .covers(&["topology.info-fields"])
        .body(|cluster| Box::pin(numbers(cluster, &FIELDS))),
    check("topology/info-state")
        .title("cluster_state is ok or fail, and it is ok while every slot has a working owner")
        .must("CLUSTER INFO")
        .covers(&["topology.info-state-values"])
        .body(|cluster| Box::pin(info_state(cluster))),
    check("topology/info-counts")
        .title("cluster_size counts the primaries with slots, and cluster_known_nodes counts all nodes")
        .must("CLUSTER INFO")
        .covers(&["topology.info-size-meaning"])
        .body(|cluster| Box::pin(info_counts(cluster))),
    check("topology/info-slot-arithmetic")
        .title("The slots that are ok, pfail and fail add up to those assigned, which are at most 16384")
        .must("CLUSTER INFO")
        .covers(&["topology.info-slot-arithmetic"])
        .body(|cluster| Box::pin(info_slot_arithmetic(cluster))),
    check("topology/info-epochs")
        .title("No node's cluster_my_epoch exceeds its cluster_current_epoch, and a replica reports its primary's")
        .must("configuration-epoch")
        .covers(&["topology.info-epochs"])
        .shape(2, 1)
        .body(|cluster| Box::pin(info_epochs(cluster))),
    check("topology/info-message-counters")
        .title("The counters of cluster bus messages are numbers and never decrease")
        .should("CLUSTER INFO")
        .covers(&["topology.info-message-stats"])
        .body(|cluster| Box::pin(info_message_counters(cluster))),
    check("topology/info-link-buffer-counter")
        .title("CLUSTER INFO counts the links that exceeded their buffer limit")
        .may("CLUSTER INFO")
        .covers(&["topology.info-link-buffer-counter"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(numbers(cluster, &["total_cluster_links_buffer_limit_exceeded"]))),
    check("topology/info-node-health-counters")
        .title("CLUSTER INFO counts the pfail and fail nodes, and the voting nodes among them")
        .may("CLUSTER INFO")
        .covers(&["topology.info-node-health-counters"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(numbers(cluster, &HEALTH_COUNTERS))),
];

/// The fields that every server has, except cluster_state.
const FIELDS: [&str; 8] = [
    "cluster_slots_assigned",
    "cluster_slots_ok",
    "cluster_slots_pfail",
    "cluster_slots_fail",
    "cluster_known_nodes",
    "cluster_size",
    "cluster_current_epoch",
    "cluster_my_epoch",
];

/// The counters of nodes that are suspected or failed.
const HEALTH_COUNTERS: [&str; 4] =
    ["cluster_nodes_pfail", "cluster_nodes_fail", "cluster_voting_nodes_pfail", "cluster_voting_nodes_fail"];

async fn info_format(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    for (protocol, kinds) in [(Protocol::Resp2, &[Kind::Bulk][..]), (Protocol::Resp3, &[Kind::Verbatim, Kind::Bulk])] {
        let mut session = cluster.session_in(&node, protocol).await?;
        let reply = session.expect(command!["CLUSTER", "INFO"], Expect::Kind(crate::expect::Kind::Text)).await?;
        ensure!(
            kinds.contains(&reply.kind()),
            format!("{} in reply to CLUSTER INFO in {}", words::kinds(kinds), words::protocol(protocol)),
            "{}",
            words::kind(reply.kind())
        );
        let text = reply.text().unwrap_or_default();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let wrong = lines.iter().find(|line| !is_field(line));
        ensure!(
            lines.len() > 1 && wrong.is_none(),
            format!("lines name:value that end with CRLF in CLUSTER INFO in {}", words::protocol(protocol)),
            "the line {:?}",
            wrong.unwrap_or(&&*text)
        );
    }
    Ok(())
}

fn is_field(line: &str) -> bool {
    let field = line.strip_suffix("\r\n").and_then(|line| line.split_once(':'));
    field.is_some_and(|(name, value)| {
        let word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        word(name) && word(value)
    })
}

async fn numbers(cluster: &Cluster, names: &[&str]) -> Outcome {
    for node in cluster.visited() {
        let info = cluster_info(cluster, &node).await?;
        ensure!(
            info.contains_key("cluster_state"),
            format!("the field cluster_state in CLUSTER INFO of {}", node.address),
            "no such field"
        );
        for name in names {
            number(&info, name, &node)?;
        }
    }
    Ok(())
}

async fn info_state(cluster: &Cluster) -> Outcome {
    let view = cluster.topology();
    let served = view.slot_owners().into_iter().all(|owner| owner.is_some());
    let working = view.nodes.iter().filter(|node| !node.slots.is_empty()).all(wire::Node::is_usable);
    let allowed: &[&str] = if served && working { &["ok"] } else { &["ok", "fail"] };
    cluster
        .until(cluster.limits().converge, "every node reports cluster_state:ok", async || {
            for node in cluster.visited() {
                let info = cluster_info(cluster, &node).await?;
                let state = info.get("cluster_state").map_or("no such field", String::as_str);
                ensure!(
                    allowed.contains(&state),
                    format!("cluster_state:{} of {}", allowed.join(" or "), node.address),
                    "cluster_state:{state}"
                );
            }
            Ok(())
        })
        .await
}

async fn info_counts(cluster: &Cluster) -> Outcome {
    let (own_size, own_nodes) = (cluster.primaries().len(), cluster.topology().nodes.len());
    for node in cluster.visited() {
        let (more_size, more_nodes) = left_out_of(cluster, &node).await?;
        let (size, nodes) = ((own_size + more_size) as u64, (own_nodes + more_nodes) as u64);
        let info = cluster_info(cluster, &node).await?;
        let found = (number(&info, "cluster_size", &node)?, number(&info, "cluster_known_nodes", &node)?);
        ensure!(
            found == (size, nodes),
            format!("cluster_size:{size} and cluster_known_nodes:{nodes} of {}", node.address),
            "cluster_size:{} and cluster_known_nodes:{}",
            found.0,
            found.1
        );
    }
    Ok(())
}

/// How many primaries with slots, and how many nodes, a node knows that rct left out when it came: dead and half known
/// nodes count in CLUSTER INFO, too.
async fn left_out_of(cluster: &Cluster, node: &Node) -> Outcome<(usize, usize)> {
    let findings = &cluster.live().findings;
    if findings.left_out.is_empty() || findings.unreadable.contains(&node.id) {
        return Ok((0, 0));
    }
    let view = cluster.whole_view_of(node).await?;
    let left_out: Vec<&Node> = view.nodes.iter().filter(|node| findings.leaves_out(node)).collect();
    let serving = left_out.iter().filter(|node| node.role == Role::Primary && !node.slots.is_empty());
    Ok((serving.count(), left_out.len()))
}

async fn info_slot_arithmetic(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let info = cluster_info(cluster, &node).await?;
        let slots = |kind: &str| number(&info, &format!("cluster_slots_{kind}"), &node);
        let (assigned, ok, pfail, fail) = (slots("assigned")?, slots("ok")?, slots("pfail")?, slots("fail")?);
        ensure!(
            ok.checked_add(pfail).and_then(|sum| sum.checked_add(fail)) == Some(assigned) && assigned <= 16_384,
            format!("ok + pfail + fail = assigned <= 16384 in CLUSTER INFO of {}", node.address),
            "{ok} + {pfail} + {fail}, and {assigned} assigned"
        );
    }
    Ok(())
}

async fn info_epochs(cluster: &Cluster) -> Outcome {
    let look = async || {
        let mut own = BTreeMap::new();
        for node in cluster.visited() {
            let info = cluster_info(cluster, &node).await?;
            let (mine, current) =
                (number(&info, "cluster_my_epoch", &node)?, number(&info, "cluster_current_epoch", &node)?);
            ensure!(
                mine <= current,
                format!("cluster_my_epoch of {} not above its cluster_current_epoch", node.address),
                "cluster_my_epoch:{mine} and cluster_current_epoch:{current}"
            );
            own.insert(node.id, mine);
        }
        for replica in cluster.visited().iter().filter(|node| node.role == Role::Replica) {
            let primary = replica.primary.ok_or_else(|| {
                Stop::broken(format!("the replica {} has no primary in the view of rct", replica.address))
            })?;
            ensure!(
                own.get(&primary) == own.get(&replica.id),
                format!(
                    "cluster_my_epoch:{} of the replica {}, as of its primary",
                    or(own.get(&primary), "of an unknown primary"),
                    replica.address
                ),
                "cluster_my_epoch:{}",
                or(own.get(&replica.id), "missing")
            );
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every replica reports the epoch of its primary", look).await
}

async fn info_message_counters(cluster: &Cluster) -> Outcome {
    const COUNTERS: [&str; 2] = ["cluster_stats_messages_sent", "cluster_stats_messages_received"];
    for node in cluster.visited() {
        let mut before = [0; 2];
        for _ in 0..3 {
            let info = cluster_info(cluster, &node).await?;
            let now = [number(&info, COUNTERS[0], &node)?, number(&info, COUNTERS[1], &node)?];
            ensure!(
                now[0] >= before[0] && now[1] >= before[1],
                format!(
                    "at least {} sent and {} received messages of {}, as before",
                    before[0], before[1], node.address
                ),
                "{} sent and {} received",
                now[0],
                now[1]
            );
            before = now;
        }
    }
    Ok(())
}

/// The fields of a node's CLUSTER INFO.
pub(in crate::code) async fn cluster_info(cluster: &Cluster, node: &Node) -> Outcome<BTreeMap<String, String>> {
    cluster.info(node, &command!["CLUSTER", "INFO"]).await
}

/// A field of CLUSTER INFO that is a number.
pub(in crate::code) fn number(info: &BTreeMap<String, String>, name: &str, node: &Node) -> Outcome<u64> {
    let value = info.get(name).map_or("no such field", String::as_str);
    let expected = || format!("a number in the field {name} of CLUSTER INFO of {}", node.address);
    value.parse().map_err(|_| Stop::mismatch(expected(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ends_in_crlf_and_has_a_name_and_a_value() {
        assert!(is_field("cluster_state:ok\r\n"));
        for line in ["cluster_state:ok\n", "cluster_state:ok", "cluster_state\r\n", ":ok\r\n", "a: b\r\n", "\r\n"] {
            assert!(!is_field(line), "{line:?}");
        }
    }
}
