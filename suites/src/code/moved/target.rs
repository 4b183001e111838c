//! The form of a redirect, and the node to which it leads.

use wire::{Command, Kind, Node, Protocol, Redirect, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Mismatch, Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("moved/three-fields")
        .title("A redirect is one line of exactly three fields: MOVED, the slot and the owner's address")
        .must("moved-redirection")
        .covers(&["moved.format", "moved.slot-correct", "moved.target-is-owner"])
        .shape(2, 0)
        .body(|cluster| Box::pin(three_fields(cluster))),
    check("moved/resp3-simple-error")
        .title("A redirect in RESP3 is a simple error with the same text as in RESP2")
        .must("moved-redirection")
        .covers(&["moved.resp3-simple-error"])
        .shape(2, 0)
        .body(|cluster| Box::pin(resp3_simple_error(cluster))),
    check("moved/one-hop-from-every-node")
        .title("One redirect from any node, also from a replica, leads to the primary that owns the slot")
        .must("moved-redirection")
        .covers(&["moved.target-is-owner", "moved.follow-once", "moved.no-loop"])
        .shape(2, 0)
        .body(|cluster| Box::pin(one_hop_from_every_node(cluster))),
    check("moved/every-slot")
        .title("A primary redirects every slot that it does not own to the slot's owner, and no other slot")
        .must("moved-redirection")
        .covers(&["moved.all-16384"])
        .shape(2, 0)
        .body(|cluster| Box::pin(every_slot(cluster))),
];

/// The number of commands that are sent at once.
const CHUNK: usize = 1_024;

async fn three_fields(cluster: &Cluster) -> Outcome {
    for owner in cluster.visited_primaries() {
        let slot = cluster.slot_of(&owner)?;
        let node = cluster.non_owner(slot)?;
        let expected = format!("-MOVED {slot} {}\r\n", cluster.live().endpoint_named_by(&node.address, &owner));
        for command in [command!["GET", cluster.keys().fresh(slot)], command!["SET", cluster.keys().fresh(slot), "v"]] {
            let reply = cluster.call(&node, &command).await?;
            if reply.bytes() != expected.as_bytes() {
                return Err(differs(&node, &command, &expected, reply.bytes()));
            }
        }
    }
    Ok(())
}

async fn resp3_simple_error(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let node = cluster.non_owner(slot)?;
    let command = command!["GET", cluster.keys().fresh(slot)];
    let expected = format!("-MOVED {slot} {}\r\n", cluster.live().endpoint_named_by(&node.address, &owner));
    let reply = cluster.session_in(&node, Protocol::Resp3).await?.call(&command).await?;
    if reply.kind() != Kind::Error || reply.bytes() != expected.as_bytes() {
        return Err(differs(&node, &command, &expected, reply.bytes()));
    }
    Ok(())
}

fn differs(node: &Node, command: &Command, expected: &str, received: &[u8]) -> Stop {
    Stop::Mismatch(Box::new(Mismatch {
        sent: Some(command.to_string()),
        to: Some(node.address.to_string()),
        expected: format!("the bytes {}", expected.escape_debug()),
        received: format!("the bytes {}", received.escape_ascii()),
        ..Mismatch::default()
    }))
}

async fn one_hop_from_every_node(cluster: &Cluster) -> Outcome {
    for owner in cluster.visited_primaries() {
        let slot = cluster.slot_of(&owner)?;
        let key = cluster.keys().fresh(slot);
        cluster.expect(&owner, command!["SET", &key, &key], Expect::Ok).await?;
        for node in cluster.visited().iter().filter(|node| node.id != owner.id) {
            follow(cluster, node, &owner, slot, &key).await?;
        }
    }
    Ok(())
}

/// Follows a redirect: the target in the reply must be the owner in the view of rct, and must serve the key.
async fn follow(cluster: &Cluster, node: &Node, owner: &Node, slot: Slot, key: &str) -> Outcome {
    let words = format!("MOVED {slot}");
    let reply = cluster.expect(node, command!["GET", key], Expect::error(&words)).await?;
    let redirect = reply.error().and_then(|error| Redirect::parse(&error));
    let target = match redirect {
        Some(Ok(Redirect::Moved { address, .. })) => wire::Address::new(&address.host, address.port),
        _ => {
            return Err(Stop::mismatch(
                format!("error {words} and an address from {}", node.address),
                reply.to_string(),
            ));
        }
    };
    let found = cluster.node_named(&node.address, &target);
    let Some(found) = found else {
        return Err(Stop::mismatch(
            format!("the endpoint of a node of the cluster in {words} from {}", node.address),
            target.to_string(),
        ));
    };
    cluster
        .expect(&found, command!["GET", key], Expect::text(key))
        .await
        .map_err(|stop| stop.with_note(format!("{} redirected the key to this node", node.address)))?;
    ensure!(
        found.id == owner.id,
        format!("a redirect from {} to {}, which owns slot {slot}", node.address, owner.address),
        "{target}"
    );
    Ok(())
}

async fn every_slot(cluster: &Cluster) -> Outcome {
    for node in cluster.visited_primaries() {
        sweep_all_slots(cluster, &node).await?;
    }
    Ok(())
}

/// Asks a node for a key of each slot: it must serve its own slots and redirect all others.
pub(super) async fn sweep_all_slots(cluster: &Cluster, node: &Node) -> Outcome {
    let topology = cluster.topology();
    let slots: Vec<Slot> = Slot::all().filter(|slot| !cluster.is_open(*slot)).collect();
    for chunk in slots.chunks(CHUNK) {
        // EXISTS creates no keys, so rct need not delete them.
        let commands: Vec<Command> =
            chunk.iter().map(|slot| command!["EXISTS", cluster.keys().unwritten(*slot)]).collect();
        let replies = cluster.pipeline(node, &commands).await?;
        for ((slot, command), reply) in chunk.iter().zip(&commands).zip(&replies) {
            let Some(owner) = topology.owner(*slot) else { continue };
            let expect = if owner.id == node.id {
                Expect::Integer(0)
            } else {
                Expect::error(format!("MOVED {slot} {}", cluster.live().endpoint_named_by(&node.address, owner)))
            };
            if !expect.admits(reply) {
                return Err(Stop::Mismatch(Box::new(Mismatch {
                    sent: Some(command.to_string()),
                    to: Some(format!("{} ({} owns slot {slot})", node.address, owner.address)),
                    expected: expect.to_string(),
                    received: reply.to_string(),
                    ..Mismatch::default()
                })));
            }
        }
    }
    Ok(())
}
