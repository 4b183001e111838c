//! Replies name nodes by different addresses, or keep old ones.

use wire::Reply;

use super::common::moved;
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply, on_request};
use crate::edit::{self, Tree, error, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_calm_reply(
        "shards-names-replicas-by-localhost",
        "CLUSTER SHARDS names the endpoint of replicas localhost",
        &["endpoints/replies-name-the-same-address"],
        |_, request, reply| {
            request.is("CLUSTER SHARDS").then_some(())?;
            changed(reply, |tree| {
                for shard in tree.items_mut()? {
                    for node in shard.value_mut("nodes")?.items_mut()?.iter_mut().skip(1) {
                        *node.value_mut("endpoint")? = Tree::Bulk(b'$', b"localhost".to_vec());
                    }
                }
                Some(())
            })
        },
    ),
    on_calm_reply(
        "role-names-the-primary-by-localhost",
        "ROLE on a replica names its primary localhost",
        &["endpoints/replies-name-the-same-address"],
        |scene, request, reply| {
            (scene.is_replica() && request.is("ROLE")).then_some(())?;
            changed(reply, |tree| {
                *tree.items_mut()?.get_mut(1)? = Tree::Bulk(b'$', b"localhost".to_vec());
                Some(())
            })
        },
    ),
    on_calm_reply(
        "slots-swaps-the-endpoints-of-a-shard",
        "CLUSTER SLOTS on the second primary gives a primary the port of its replica, and the other way round",
        &["endpoints/endpoints-lead-to-their-node"],
        |_, request, reply| {
            request.is("CLUSTER SLOTS").then_some(())?;
            changed(reply, |tree| {
                let entry = tree.items_mut()?.last_mut()?.items_mut()?;
                let (port, replica) = (entry.get(2)?.items()?.get(1)?.clone(), entry.get(3)?.items()?.get(1)?.clone());
                *entry.get_mut(2)?.items_mut()?.get_mut(1)? = replica;
                *entry.get_mut(3)?.items_mut()?.get_mut(1)? = port;
                Some(())
            })
        },
    ),
    on_reply(
        "replicas-redirect-to-themselves",
        "MOVED from a replica for a key of another shard names the replica itself",
        &["endpoints/moved-never-names-its-sender"],
        |scene, _, reply| {
            let (slot, _) = moved(reply)?;
            let redirect = format!("MOVED {slot} {}", scene.address());
            (scene.is_replica() && !scene.readonly()).then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_calm_reply(
        "nodes-shows-a-wrong-bus-port",
        "CLUSTER NODES shows the bus port of replicas one too high",
        &["endpoints/bus-port-follows-the-port"],
        |_, request, reply| {
            request.is("CLUSTER NODES").then_some(())?;
            edit::lines(reply.bytes(), |line| {
                let (before, after) = line.split_once('@')?;
                let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
                let port: u32 = digits.parse().ok()?;
                let replica = line.contains("slave");
                Some(if replica { format!("{before}@{}{}", port + 1, &after[digits.len()..]) } else { line.to_owned() })
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "new-nodes-invent-an-address",
        "A node that has met no other node shows the address 0.0.0.0",
        &["endpoints/a-new-node-has-no-address"],
        |_, request, reply| {
            request.is("CLUSTER NODES").then_some(())?;
            edit::lines(reply.bytes(), |line| Some(line.replacen(" :", " 0.0.0.0:", 1))).map(Replacement::Answer)
        },
    ),
    on_reply(
        "moved-ignores-hostnames",
        "MOVED names a node by its address although CLUSTER SLOTS names it by its host name",
        &["endpoints/hostnames-are-preferred"],
        |_, _, reply| {
            let text = reply.error()?.text;
            text.starts_with("MOVED").then_some(())?;
            let changed = text.replace("node-1.rct.example", "127.0.0.1");
            Some(Replacement::Answer(error(&changed)))
        },
    ),
    on_reply(
        "ask-has-no-hostname",
        "ASK has an empty host although the nodes prefer host names",
        &["endpoints/hostnames-are-preferred"],
        |_, _, reply| {
            let text = reply.error()?.text;
            (text.starts_with("ASK") && text.contains("node-1.rct.example")).then_some(())?;
            Some(Replacement::Answer(error(&text.replace("node-1.rct.example", ""))))
        },
    ),
    on_reply(
        "cleared-hostnames-stay",
        "A replica keeps showing a host name that has been cleared",
        &["endpoints/hostnames-spread"],
        |scene, request, reply| {
            (scene.is_replica() && request.is("CLUSTER NODES")).then_some(())?;
            if reply.text()?.contains("other.rct.example") {
                scene.share("named", 1);
                return None;
            }
            (scene.shared("named") > 0).then_some(())?;
            edit::lines(reply.bytes(), |line| {
                let first = line.contains("master");
                let place = line.split(' ').nth(1)?.to_owned();
                let named = format!("{},other.rct.example", place.split(',').next()?);
                Some(if first { line.replacen(&place, &named, 1) } else { line.to_owned() })
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "unknown-endpoints-are-question-marks-in-ask",
        "ASK has the host ? if the endpoint is unknown",
        &["endpoints/unknown-endpoints-are-empty"],
        |_, _, reply| {
            let text = reply.error()?.text;
            (text.starts_with("ASK") && text.contains(" :")).then_some(())?;
            Some(Replacement::Answer(error(&text.replace(" :", " ?:"))))
        },
    ),
    on_reply(
        "unknown-endpoints-are-empty-strings-in-resp3",
        "CLUSTER SLOTS in RESP3 has an empty string instead of the null if the endpoint is unknown",
        &["endpoints/unknown-endpoints-are-empty"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER SLOTS")).then_some(())?;
            changed(reply, |tree| {
                for entry in tree.items_mut()? {
                    for node in entry.items_mut()?.iter_mut().skip(2) {
                        let endpoint = node.items_mut()?.first_mut()?;
                        if *endpoint == Tree::Line(b'_', Vec::new()) {
                            *endpoint = Tree::Bulk(b'$', Vec::new());
                        }
                    }
                }
                Some(())
            })
        },
    ),
    on_request(
        "long-hostnames-are-accepted",
        "CONFIG SET answers OK to a host name of 256 letters",
        &["endpoints/bad-names-are-refused"],
        |_, request| {
            let long = request.is("CONFIG SET cluster-announce-hostname") && request.word(3).len() > 255;
            long.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "moved-keeps-the-port",
        "MOVED names the port that a node announced first",
        &["endpoints/announced-port-spreads"],
        |scene, _, reply| {
            let (slot, address) = moved(reply)?;
            let (host, port) = address.rsplit_once(':')?;
            let port: i64 = port.parse().ok()?;
            let first = *scene.note("port");
            if first == 0 {
                *scene.note("port") = port;
            }
            (first > 0 && first != port).then(|| Replacement::Answer(error(&format!("MOVED {slot} {host}:{first}"))))
        },
    ),
    on_reply(
        "moved-keeps-the-address",
        "MOVED names 127.0.0.1 although the node announces another address",
        &["endpoints/announced-address-spreads", "endpoints/clients-get-addresses-of-their-own"],
        |_, _, reply| {
            let (slot, address) = moved(reply)?;
            let port = address.strip_prefix("127.0.0.2:")?;
            Some(Replacement::Answer(error(&format!("MOVED {slot} 127.0.0.1:{port}"))))
        },
    ),
    on_reply(
        "moved-resolves-an-announced-name",
        "MOVED names the address to which the announced host name leads",
        &["endpoints/announced-address-may-be-a-name"],
        |_, _, reply| {
            let (slot, address) = moved(reply)?;
            let port = address.strip_prefix("localhost:")?;
            Some(Replacement::Answer(error(&format!("MOVED {slot} 127.0.0.1:{port}"))))
        },
    ),
    on_reply(
        "shards-keeps-an-emptied-zone",
        "CLUSTER SHARDS keeps the availability zone of a node that has emptied it",
        &["endpoints/availability-zone-spreads"],
        |scene, request, reply| {
            zone(scene.shared("zoned"), request, reply).or_else(|| {
                if request.is("CONFIG SET availability-zone") {
                    scene.share("zoned", i64::from(request.word(3).is_empty()));
                }
                None
            })
        },
    ),
];

fn changed(reply: &Reply, change: impl FnOnce(&mut Tree) -> Option<()>) -> Option<Replacement> {
    edit::tree(reply.bytes(), change).map(Replacement::Answer)
}

/// Adds a zone to the nodes of CLUSTER SHARDS once a node has emptied its own.
fn zone(emptied: i64, request: &Request, reply: &Reply) -> Option<Replacement> {
    (emptied > 0 && request.is("CLUSTER SHARDS")).then_some(())?;
    changed(reply, |tree| {
        for shard in tree.items_mut()? {
            for node in shard.value_mut("nodes")?.items_mut()? {
                let fields = node.items_mut()?;
                fields.push(Tree::Bulk(b'$', b"availability-zone".to_vec()));
                fields.push(Tree::Bulk(b'$', b"zone-b".to_vec()));
            }
        }
        Some(())
    })
}
