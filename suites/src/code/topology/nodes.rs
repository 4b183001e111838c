//! CLUSTER NODES, line by line.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Node, Protocol, Role, SlotRange, Topology, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{self, line, list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/nodes-lines")
        .title("Each line of CLUSTER NODES has the documented fields in the documented form, separated by one space")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-line-grammar"])
        .body(|cluster| Box::pin(nodes_lines(cluster))),
    check("topology/nodes-flags")
        .title("CLUSTER NODES uses only the documented flags, and flags each node as either master or slave")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-flags"])
        .body(|cluster| Box::pin(nodes_flags(cluster))),
    check("topology/nodes-one-myself")
        .title("Exactly one line of CLUSTER NODES has the flag myself")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-one-myself"])
        .body(|cluster| Box::pin(nodes_one_myself(cluster))),
    check("topology/nodes-slots-on-primaries")
        .title("Only primaries list slots, as single slots and ascending ranges that do not overlap")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-slots-only-on-primary"])
        .shape(2, 1)
        .body(|cluster| Box::pin(nodes_slots_on_primaries(cluster))),
    check("topology/nodes-replicas-name-their-primary")
        .title("The fourth field of CLUSTER NODES is a known primary's id for replicas and - for primaries")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-replica-primary-id"])
        .shape(2, 1)
        .body(|cluster| Box::pin(nodes_replicas_name_their_primary(cluster))),
    check("topology/nodes-links")
        .title("Every node of a healthy cluster is connected to every other node and suspects none")
        .must("CLUSTER NODES")
        .covers(&["topology.nodes-link-state"])
        .shape(2, 0)
        .body(|cluster| Box::pin(nodes_links(cluster))),
    check("topology/nodes-epochs-differ")
        .title("No two primaries have the same config epoch")
        .must("config-epoch-conflicts-resolution-algorithm")
        .covers(&["topology.nodes-primary-epochs-unique"])
        .shape(2, 0)
        .body(|cluster| Box::pin(nodes_epochs_differ(cluster))),
    check("topology/nodes-reply-type")
        .title("CLUSTER NODES returns a bulk string in RESP2, and a verbatim or bulk string in RESP3")
        .should("CLUSTER NODES")
        .covers(&["topology.nodes-verbatim-resp3"])
        .body(|cluster| Box::pin(nodes_reply_type(cluster))),
    check("topology/human-name-stays-out-of-nodes")
        .title("CLUSTER NODES does not show cluster-announce-human-nodename, and every line stays well-formed")
        .may("CLUSTER NODES")
        .covers(&["topology.human-nodename"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(human_name_stays_out_of_nodes(cluster))),
];

async fn nodes_lines(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let text = nodes_text(cluster, &node).await?;
        cluster.view_of(&node).await?;
        for line in text.split_inclusive('\n') {
            if let Err(problem) = judge_line(line) {
                return Err(Stop::mismatch(
                    format!("{problem} in CLUSTER NODES of {}", node.address),
                    format!("the line {line:?}"),
                ));
            }
        }
    }
    Ok(())
}

/// Judges what the parser of rct does not: the spaces between fields, the bus port, and the form of ranges.
///
/// # Errors
/// What the line should have.
fn judge_line(line: &str) -> Result<(), String> {
    let line = line.strip_suffix('\n').ok_or("a line break at the end of each line")?;
    let fields: Vec<&str> = line.split(' ').collect();
    if fields.len() < 8 || fields.contains(&"") {
        return Err("8 fields or more, separated by one space,".to_owned());
    }
    if !fields[1].split(',').next().unwrap_or_default().contains('@') {
        return Err("an address with a bus port".to_owned());
    }
    match fields[8..].iter().find(|token| !token.starts_with('[') && !is_range(token)) {
        None => Ok(()),
        Some(token) => Err(format!("slots of the form a or a-b with a < b, and not {token},")),
    }
}

fn is_range(token: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().ok().filter(|number| number.to_string() == text);
    match token.split_once('-') {
        None => number(token).is_some(),
        Some((start, end)) => matches!((number(start), number(end)), (Some(start), Some(end)) if start < end),
    }
}

async fn nodes_flags(cluster: &Cluster) -> Outcome {
    const KNOWN: [&str; 8] = ["myself", "master", "slave", "fail?", "fail", "handshake", "noaddr", "nofailover"];
    each_view(cluster, |viewer, view| {
        for node in &view.nodes {
            let roles = [node.has_flag("master"), node.has_flag("slave")];
            let has_role = roles[0] != roles[1] || (node.has_flag("handshake") && !roles[0]);
            let distinct: BTreeSet<&String> = node.flags.iter().collect();
            let known = node.flags.iter().all(|flag| KNOWN.contains(&flag.as_str()));
            ensure!(
                known && has_role && distinct.len() == node.flags.len(),
                format!(
                    "one role and only known flags ({}) for {} in CLUSTER NODES of {}",
                    list(KNOWN),
                    node.id,
                    viewer.address
                ),
                "the flags {}",
                list(&node.flags)
            );
        }
        Ok(())
    })
    .await
}

async fn nodes_one_myself(cluster: &Cluster) -> Outcome {
    each_view(cluster, |viewer, view| {
        let count = view.nodes.iter().filter(|node| node.is_myself()).count();
        ensure!(
            count == 1,
            format!("one line with the flag myself in CLUSTER NODES of {}", viewer.address),
            "{count} such lines"
        );
        Ok(())
    })
    .await
}

async fn nodes_slots_on_primaries(cluster: &Cluster) -> Outcome {
    each_view(cluster, |viewer, view| {
        for node in &view.nodes {
            let shown: Vec<String> = node.slots.iter().map(SlotRange::to_string).collect();
            let is_replica = node.role == Role::Replica;
            ensure!(
                !is_replica || shown.is_empty(),
                format!("no slots of the replica {} in CLUSTER NODES of {}", node.address, viewer.address),
                "the slots {}",
                list(&shown)
            );
            ensure!(
                node.slots.is_sorted_by(|one, next| one.end < next.start),
                format!("ascending ranges of {} in CLUSTER NODES of {}", node.address, viewer.address),
                "{}",
                list(&shown)
            );
        }
        let mut ranges: Vec<&SlotRange> = view.nodes.iter().flat_map(|node| &node.slots).collect();
        ranges.sort();
        let overlap = ranges.windows(2).find(|pair| pair[0].end >= pair[1].start);
        ensure!(
            overlap.is_none(),
            format!("no slot on two lines in CLUSTER NODES of {}", viewer.address),
            "the ranges {}",
            or(overlap.map(|pair| format!("{} and {}", pair[0], pair[1])), "do not overlap")
        );
        Ok(())
    })
    .await
}

async fn nodes_replicas_name_their_primary(cluster: &Cluster) -> Outcome {
    each_view(cluster, |viewer, view| {
        for node in view.nodes.iter().filter(|node| node.is_usable()) {
            let primary = node.primary.and_then(|id| view.node(&id));
            let right = match node.role {
                Role::Primary => node.primary.is_none(),
                Role::Replica => primary.is_some_and(|primary| primary.role == Role::Primary),
            };
            ensure!(
                right,
                format!(
                    "{} for the {} {} in CLUSTER NODES of {}",
                    if node.role == Role::Primary { "- as primary" } else { "the id of a primary" },
                    node.role,
                    node.address,
                    viewer.address
                ),
                "{}",
                or(node.primary, "-")
            );
        }
        Ok(())
    })
    .await
}

async fn nodes_links(cluster: &Cluster) -> Outcome {
    cluster
        .until(cluster.limits().converge, "every node is connected to every other node and suspects none", async || {
            each_view(cluster, |viewer, view| {
                let known = cluster.topology();
                let well = |node: &&Node| known.node(&node.id).is_some_and(Node::is_usable);
                let trusted = |node: &Node| node.connected && node.is_usable() && !node.is_suspected();
                let apart = view.nodes.iter().filter(well).find(|node| !trusted(node));
                ensure!(
                    apart.is_none(),
                    format!("all nodes connected and none suspected in CLUSTER NODES of {}", viewer.address),
                    "{}",
                    line(apart)
                );
                Ok(())
            })
            .await
        })
        .await
}

async fn nodes_epochs_differ(cluster: &Cluster) -> Outcome {
    cluster
        .until(cluster.limits().converge, "no two primaries have the same config epoch", async || {
            each_view(cluster, |viewer, view| {
                let mut seen: BTreeMap<u64, &Node> = BTreeMap::new();
                for node in view.primaries().filter(|node| node.is_usable()) {
                    if let Some(other) = seen.insert(node.config_epoch, node) {
                        return Err(Stop::mismatch(
                            format!("a different config epoch of each primary in CLUSTER NODES of {}", viewer.address),
                            format!("the epoch {} of both {} and {}", node.config_epoch, other.address, node.address),
                        ));
                    }
                }
                Ok(())
            })
            .await
        })
        .await
}

async fn nodes_reply_type(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let kinds: [(Protocol, &[wire::Kind]); 2] =
        [(Protocol::Resp2, &[wire::Kind::Bulk]), (Protocol::Resp3, &[wire::Kind::Verbatim, wire::Kind::Bulk])];
    for (protocol, kinds) in kinds {
        let mut session = cluster.session_in(&node, protocol).await?;
        let reply = session.expect(command!["CLUSTER", "NODES"], Expect::Contains("myself".to_owned())).await?;
        ensure!(
            kinds.contains(&reply.kind()),
            format!("{} in reply to CLUSTER NODES in {}", words::kinds(kinds), words::protocol(protocol)),
            "{}",
            words::kind(reply.kind())
        );
    }
    Ok(())
}

async fn human_name_stays_out_of_nodes(cluster: &Cluster) -> Outcome {
    const NAME: &str = "rct-named-node";
    let named = cluster.some_primary()?;
    cluster.set_config(&named, "cluster-announce-human-nodename", NAME).await?;
    for node in cluster.visited() {
        let text = nodes_text(cluster, &node).await?;
        ensure!(!text.contains(NAME), format!("no {NAME} in CLUSTER NODES of {}", node.address), "{text:?}");
    }
    nodes_lines(cluster).await
}

/// Requires that the view of each node follows a rule.
async fn each_view(cluster: &Cluster, rule: impl Fn(&Node, &Topology) -> Outcome) -> Outcome {
    for node in cluster.visited() {
        rule(&node, &cluster.view_of(&node).await?)?;
    }
    Ok(())
}

async fn nodes_text(cluster: &Cluster, node: &Node) -> Outcome<String> {
    let reply = cluster.expect(node, command!["CLUSTER", "NODES"], Expect::Kind(Kind::Text)).await?;
    Ok(reply.text().unwrap_or_default().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004";

    #[test]
    fn lines_as_servers_write_them_are_fine() {
        for slots in ["", " 5", " 0-5460", " 0-99 101 103-200 [102->-e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca]"] {
            assert_eq!(judge_line(&format!("{START} myself,master - 0 0 1 connected{slots}\n")), Ok(()));
        }
        assert_eq!(judge_line(&format!("{START},host,shard-id=69b master - 0 0 1 connected\n")), Ok(()));
    }

    #[test]
    fn lines_that_a_client_might_stumble_over_are_not() {
        for line in [
            "master - 0 0 1 connected",
            "master - 0 0 1 connected \n",
            "master  - 0 0 1 connected\n",
            "master - 0 0 1 connected 5-5\n",
            "master - 0 0 1 connected 7-5\n",
            "master - 0 0 1 connected 05\n",
        ] {
            assert!(judge_line(&format!("{START} {line}")).is_err(), "{line:?}");
        }
        assert!(judge_line("07c3 127.0.0.1:30004 master - 0 0 1 connected\n").is_err());
    }
}
