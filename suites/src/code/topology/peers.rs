//! What a node says of other nodes: CLUSTER REPLICAS, LINKS and COUNT-FAILURE-REPORTS, and ROLE; also CLUSTER HELP.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Node, NodeId, Role, Topology, Value, bytes_of, command, describe, items_of, parse_nodes};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words::{list, view};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/replicas-form")
        .title("CLUSTER REPLICAS on any node returns one line of CLUSTER NODES for each replica of a primary")
        .must("CLUSTER REPLICAS")
        .covers(&["topology.replicas-format", "topology.replicas-any-node"])
        .shape(2, 1)
        .body(|cluster| Box::pin(replicas_form(cluster))),
    check("topology/slaves-is-replicas")
        .title("CLUSTER SLAVES returns the same as CLUSTER REPLICAS")
        .should("CLUSTER SLAVES")
        .covers(&["topology.slaves-alias"])
        .shape(1, 1)
        .commands(&["CLUSTER SLAVES"])
        .body(|cluster| Box::pin(slaves_is_replicas(cluster))),
    check("topology/links-form")
        .title("CLUSTER LINKS returns direction, node, create-time, events and buffer sizes of each link")
        .may("CLUSTER LINKS")
        .covers(&["topology.links-shape"])
        .shape(2, 0)
        .commands(LINKS)
        .servers(LINKS_SINCE)
        .in_resp2()
        .body(|cluster| Box::pin(links_form(cluster))),
    check("topology/links-both-ways")
        .title("A node has one link to each other node and one link from it")
        .may("CLUSTER LINKS")
        .covers(&["topology.links-two-per-peer"])
        .shape(2, 0)
        .commands(LINKS)
        .servers(LINKS_SINCE)
        .in_resp2()
        .body(|cluster| Box::pin(links_both_ways(cluster))),
    check("topology/no-failure-reports")
        .title("CLUSTER COUNT-FAILURE-REPORTS returns the integer 0 for healthy nodes")
        .should("CLUSTER COUNT-FAILURE-REPORTS")
        .covers(&["topology.count-failure-reports-integer"])
        .shape(2, 0)
        .commands(&["CLUSTER COUNT-FAILURE-REPORTS"])
        .body(|cluster| Box::pin(no_failure_reports(cluster))),
    check("topology/role-agrees")
        .title("ROLE reports master or slave as CLUSTER NODES does, and a replica names its primary's address")
        .must("ROLE")
        .covers(&["topology.role-command"])
        .shape(2, 1)
        .body(|cluster| Box::pin(role_agrees(cluster))),
    check("topology/help")
        .title("CLUSTER HELP returns lines that name the subcommands")
        .may("CLUSTER HELP")
        .covers(&["topology.help"])
        .commands(&["CLUSTER HELP"])
        .body(|cluster| Box::pin(help(cluster))),
];

const LINKS: &[&str] = &["CLUSTER LINKS"];
const LINKS_SINCE: &[&str] = &["redis >=7.0", "valkey"];

async fn replicas_form(cluster: &Cluster) -> Outcome {
    for primary in cluster.visited_primaries() {
        let expected: BTreeSet<NodeId> = cluster.replicas_of(&primary).iter().map(|replica| replica.id).collect();
        for asked in cluster.visited() {
            let listed = replicas(cluster, &asked, "REPLICAS", &primary).await?;
            let right = |node: &Node| {
                let known = cluster.topology().node(&node.id).map(|known| known.address.clone());
                node.role == Role::Replica && node.primary == Some(primary.id) && known.as_ref() == Some(&node.address)
            };
            let found: BTreeSet<NodeId> = listed.nodes.iter().map(|node| node.id).collect();
            ensure!(
                found == expected && listed.nodes.len() == expected.len() && listed.nodes.iter().all(right),
                format!(
                    "one line for each replica of {} ({}) in CLUSTER REPLICAS of {}",
                    primary.id,
                    list(&expected),
                    asked.address
                ),
                "{}",
                view(&listed)
            );
        }
    }
    Ok(())
}

async fn slaves_is_replicas(cluster: &Cluster) -> Outcome {
    let primaries = cluster.visited_primaries();
    let pairs =
        primaries.iter().flat_map(|primary| cluster.replicas_of(primary).into_iter().map(move |own| (primary, own)));
    let pairs: Vec<(&Node, Node)> = pairs.collect();
    if pairs.is_empty() {
        return Err(Stop::skip("the check needs a replica"));
    }
    for (primary, asked) in &pairs {
        let new = replicas(cluster, asked, "REPLICAS", primary).await?;
        let old = replicas(cluster, asked, "SLAVES", primary).await?;
        ensure!(
            !new.nodes.is_empty() && new.signature() == old.signature(),
            format!("in CLUSTER SLAVES of {}, as in CLUSTER REPLICAS, {}", asked.address, view(&new)),
            "{}",
            view(&old)
        );
    }
    Ok(())
}

/// The replicas of a primary in the reply to CLUSTER REPLICAS or to its older name, `subcommand`.
pub(in crate::code) async fn replicas(
    cluster: &Cluster,
    asked: &Node,
    subcommand: &str,
    primary: &Node,
) -> Outcome<Topology> {
    let command = command!["CLUSTER", subcommand, primary.id];
    let reply = cluster.expect(asked, command, Expect::Kind(Kind::Array)).await?;
    let mut listed = Topology::default();
    for item in reply.items().unwrap_or_default() {
        let wrong = |what: String| {
            Stop::mismatch(format!("lines as in CLUSTER NODES in CLUSTER {subcommand} of {}", asked.address), what)
        };
        let line = text_of(item).ok_or_else(|| wrong(describe(item)))?;
        let nodes = parse_nodes(&line).map_err(|error| wrong(error.to_string()))?.nodes;
        if nodes.len() != 1 {
            return Err(wrong(line));
        }
        listed.nodes.extend(nodes);
    }
    Ok(cluster.live().in_use(listed))
}

async fn links_form(cluster: &Cluster) -> Outcome {
    const NUMBERS: [&str; 3] = ["create-time", "send-buffer-allocated", "send-buffer-used"];
    for node in cluster.visited() {
        for link in links(cluster, &node).await? {
            let number = |name: &&str| matches!(link.get(*name), Some(Value::Int(0..)));
            let text = |name: &str| link.get(name).and_then(text_of).unwrap_or_default();
            let events = text("events");
            let right = ["to", "from"].contains(&text("direction").as_str())
                && text("node").parse::<NodeId>().is_ok()
                && link.contains_key("events")
                && events.chars().all(|event| matches!(event, 'r' | 'w'))
                && NUMBERS.iter().all(number);
            ensure!(
                right,
                format!("direction, node, events, {} of each link in CLUSTER LINKS of {}", list(NUMBERS), node.address),
                "{}",
                list(link.iter().map(|(name, value)| format!("{name} {}", describe(value))))
            );
        }
    }
    Ok(())
}

async fn links_both_ways(cluster: &Cluster) -> Outcome {
    let look = async || {
        for node in cluster.visited() {
            let mut found: Vec<(String, String)> = Vec::new();
            for link in links(cluster, &node).await? {
                let text = |name: &str| link.get(name).and_then(text_of).unwrap_or_default();
                found.push((text("node"), text("direction")));
            }
            if !cluster.live().findings.left_out.is_empty() {
                // Nodes that rct left out may have links.
                found.retain(|(id, _)| cluster.nodes().iter().any(|node| node.id.as_str() == id));
            }
            found.sort();
            let others = cluster.nodes().into_iter().filter(|other| other.id != node.id);
            let mut expected: Vec<(String, String)> = others
                .flat_map(|other| ["from", "to"].map(|direction| (other.id.to_string(), direction.to_owned())))
                .collect();
            expected.sort();
            ensure!(
                found == expected,
                format!("one link to and one from each other node in CLUSTER LINKS of {}", node.address),
                "{}",
                list(found.iter().map(|(node, direction)| format!("{direction} {node}")))
            );
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every node has a link to and a link from every other node", look).await
}

async fn links(cluster: &Cluster, node: &Node) -> Outcome<Vec<BTreeMap<String, Value>>> {
    let reply = cluster.expect(node, command!["CLUSTER", "LINKS"], Expect::Kind(Kind::Array)).await?;
    let map_of = |link: &Value| {
        let items = items_of(link).filter(|items| items.len().is_multiple_of(2))?;
        items.chunks_exact(2).map(|pair| Some((text_of(&pair[0])?, pair[1].clone()))).collect()
    };
    let links = reply.items().unwrap_or_default().iter().map(map_of).collect::<Option<_>>();
    links.ok_or_else(|| {
        Stop::mismatch(format!("a map for each link in CLUSTER LINKS of {}", node.address), reply.to_string())
    })
}

async fn no_failure_reports(cluster: &Cluster) -> Outcome {
    let nodes = cluster.nodes();
    let sent: Vec<_> =
        nodes.iter().map(|node| (command!["CLUSTER", "COUNT-FAILURE-REPORTS", node.id], Expect::Integer(0))).collect();
    let look = async || {
        for node in &cluster.visited() {
            cluster.expect_all(node, &sent).await?;
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "no node has a failure report", look).await
}

async fn role_agrees(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let reply = cluster.expect(&node, command!["ROLE"], Expect::Kind(Kind::Array)).await?;
        let items = reply.items().unwrap_or_default();
        let primary = node.primary.and_then(|id| cluster.topology().node(&id).cloned());
        let (right, expected) = match primary {
            None => (is_primary_role(items), "master, an offset and a list of replicas".to_owned()),
            Some(primary) => {
                let address = &primary.address;
                let ports = cluster.replication_ports(&node, address).await;
                let named = [items.get(1).and_then(bytes_of), Some(address.host.as_bytes())];
                let port = matches!(items.get(2), Some(Value::Int(port)) if ports.iter().any(|known| i64::from(*known) == *port));
                let words = items.len() == 5 && items.first().and_then(bytes_of) == Some(b"slave");
                (words && named[0] == named[1] && port, format!("slave, the address {address}, a state and an offset"))
            }
        };
        ensure!(right, format!("{expected} in reply to ROLE from {}", node.address), "{reply}");
    }
    Ok(())
}

fn is_primary_role(items: &[Value]) -> bool {
    let [name, Value::Int(0..), replicas] = items else { return false };
    bytes_of(name) == Some(b"master") && items_of(replicas).is_some()
}

async fn help(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let reply = cluster.expect(&node, command!["CLUSTER", "HELP"], Expect::Kind(Kind::Array)).await?;
    let lines: Option<Vec<String>> = reply.items().unwrap_or_default().iter().map(text_of).collect();
    let lines = lines.unwrap_or_default();
    for name in ["INFO", "NODES", "SLOTS", "KEYSLOT", "MYID"] {
        let named = lines.iter().any(|line| line.to_uppercase().split(' ').any(|word| word == name));
        ensure!(named, format!("a line of CLUSTER HELP that names {name}"), "{reply}");
    }
    Ok(())
}
