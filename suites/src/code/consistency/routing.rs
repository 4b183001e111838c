//! Nodes act as their views say: they answer at the listed addresses, and serve or redirect keys accordingly.

use std::collections::BTreeMap;

use wire::{Address, Node, NodeId, Protocol, Redirect, Reply, Slot, SlotsNode, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("consistency/addresses-lead-to-the-nodes")
        .title("Each address in CLUSTER SLOTS leads to the node whose id stands beside it")
        .must("client-connections-and-redirection-handling")
        .covers(&["consistency.addresses-dialable"])
        .body(|cluster| Box::pin(addresses_lead_to_the_nodes(cluster))),
    check("consistency/redirects-and-slots")
        .title("A node redirects a key to the primary that its CLUSTER SLOTS names for the slot")
        .must("moved-redirection")
        .covers(&["consistency.moved-vs-slots"])
        .shape(2, 0)
        .body(|cluster| Box::pin(redirects_and_slots(cluster))),
    check("consistency/owner-serves")
        .title("The primary that CLUSTER SLOTS names serves keys of each of its slots")
        .must("moved-redirection")
        .covers(&["consistency.owner-serves"])
        .body(|cluster| Box::pin(owner_serves(cluster))),
];

async fn addresses_lead_to_the_nodes(cluster: &Cluster) -> Outcome {
    let left_out = &cluster.live().findings.left_out;
    let mut listed: BTreeMap<(Address, Option<NodeId>), Node> = BTreeMap::new();
    for viewer in cluster.visited() {
        let entries = cluster.slots_view(&viewer).await?;
        // A node that died lately is still listed.
        let is_left_out = |id: Option<NodeId>| left_out.iter().any(|left_out| Some(left_out.id) == id);
        for node in entries.iter().flat_map(|entry| &entry.nodes).filter(|node| !is_left_out(node.id)) {
            listed.entry((address_of(node, &viewer), node.id)).or_insert_with(|| viewer.clone());
        }
    }
    for ((address, id), viewer) in listed {
        let expected =
            || format!("the node {} at {address}, as in CLUSTER SLOTS of {}", or(id, "without id"), viewer.address);
        let Some(known) = id.and_then(|id| cluster.topology().node(&id).cloned()) else {
            return Err(Stop::mismatch(expected(), "an id that belongs to no node"));
        };
        let there = Node { address: address.clone(), ..known.clone() };
        match cluster.try_session(&there, Protocol::Resp2).await {
            Ok(mut session) => {
                let reply = session.call(command!["CLUSTER", "MYID"]).await?;
                ensure!(reply.text().as_deref() == id.as_ref().map(NodeId::as_str), expected(), "{reply}");
            }
            Err(error) if address == known.address => {
                return Err(cluster.live().judge(&address, error, "(opening a connection)").await);
            }
            Err(error) => return Err(Stop::mismatch(expected(), error.to_string())),
        }
    }
    Ok(())
}

async fn redirects_and_slots(cluster: &Cluster) -> Outcome {
    for asked in cluster.visited() {
        let entries = cluster.slots_view(&asked).await?;
        let elsewhere = entries.iter().filter_map(|entry| Some((entry.range.start, entry.nodes.first()?)));
        let elsewhere: Vec<_> = elsewhere.filter(|(_, primary)| primary.id != Some(asked.id)).collect();
        let sent: Vec<_> = elsewhere.iter().map(|(slot, _)| command!["EXISTS", cluster.keys().fresh(*slot)]).collect();
        let replies = cluster.pipeline(&asked, &sent).await?;
        for ((slot, primary), reply) in elsewhere.iter().zip(&replies) {
            let expected = address_of(primary, &asked);
            ensure!(
                target_of(reply, &asked) == Some((*slot, expected.clone())),
                format!("error MOVED {slot} {expected} from {}, as in its CLUSTER SLOTS", asked.address),
                "{reply}"
            );
        }
    }
    Ok(())
}

fn target_of(reply: &Reply, dialled: &Node) -> Option<(Slot, Address)> {
    match Redirect::parse(&reply.error()?)?.ok()? {
        Redirect::Moved { slot, address } => Some((slot, address.address(&dialled.address.host))),
        _ => None,
    }
}

async fn owner_serves(cluster: &Cluster) -> Outcome {
    let viewer = cluster.some_primary()?;
    for entry in cluster.slots_view(&viewer).await? {
        let id = entry.nodes.first().and_then(|primary| primary.id);
        let Some(primary) = id.and_then(|id| cluster.topology().node(&id).cloned()) else {
            return Err(Stop::mismatch(
                format!("a known primary of the slots {} in CLUSTER SLOTS of {}", entry.range, viewer.address),
                or(id, "no node id"),
            ));
        };
        let exists = |slot: Slot| command!["EXISTS", cluster.keys().unwritten(slot)];
        let settled = entry.range.slots().filter(|slot| !cluster.is_open(*slot));
        let sent: Vec<_> = settled.map(|slot| (exists(slot), Expect::Integer(0))).collect();
        cluster.expect_all(&primary, &sent).await?;
    }
    Ok(())
}

/// The address of a node in CLUSTER SLOTS; without an endpoint, its host is the one of the viewer.
fn address_of(node: &SlotsNode, viewer: &Node) -> Address {
    let host = node.endpoint.as_deref().filter(|endpoint| !matches!(*endpoint, "" | "?"));
    Address::new(host.unwrap_or(&viewer.address.host), node.port)
}
