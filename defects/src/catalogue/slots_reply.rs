//! CLUSTER SLOTS is wrong.

use wire::Reply;

use super::nodes::is_last;
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::{self, Tree};
use crate::request::Request;
use crate::scene::Scene;

/// CLUSTER SLOTS of the nodes that fit has changed entries.
macro_rules! entries {
    ($constructor:ident, $name:literal, $sentence:literal, $caught_by:expr, $where:expr, $change:expr) => {
        $constructor($name, $sentence, $caught_by, |scene, request, reply| {
            let fits: fn(&Scene<'_>, &Reply) -> bool = $where;
            fits(scene, reply).then_some(())?;
            change_entries(request, reply, $change)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    entries!(
        on_calm_reply,
        "slots-ends-exclusive",
        "CLUSTER SLOTS of one replica ends ranges with the slot after the last one",
        &["consistency/nodes-and-slots", "topology/slots-no-overlap"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| entries.iter_mut().try_for_each(|entry| move_number(entry, 1, 1))
    ),
    entries!(
        on_calm_reply,
        "slots-ends-one-short",
        "CLUSTER SLOTS of one replica omits the last slot of ranges",
        &["consistency/nodes-and-slots", "consistency/slots-and-shards"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| entries.iter_mut().try_for_each(|entry| move_number(entry, 1, -1))
    ),
    entries!(
        on_calm_reply,
        "slots-of-a-stale-owner",
        "CLUSTER SLOTS of one replica assigns the first slot of a range to the previous primary",
        &["consistency/nodes-and-slots"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| {
            entries.sort_by_key(|entry| number(entry, 0));
            move_number(entries.get_mut(0)?, 1, 1)?;
            move_number(entries.get_mut(1)?, 0, 1)
        }
    ),
    entries!(
        on_calm_reply,
        "slots-replica-first",
        "CLUSTER SLOTS of one replica lists a replica before its primary",
        &["topology/slots-primary-first"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| {
            for entry in entries.iter_mut().filter_map(Tree::items_mut).filter(|entry| entry.len() > 3) {
                entry.swap(2, 3);
            }
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-without-replicas",
        "CLUSTER SLOTS of one replica lists only primaries",
        &["topology/slots-primary-first"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| {
            entries.iter_mut().filter_map(Tree::items_mut).for_each(|entry| entry.truncate(3));
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-second-half-without-replica",
        "CLUSTER SLOTS of one replica splits a range and lists the replica only for the first half",
        &["topology/slots-no-overlap", "topology/slots-primary-first"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| {
            let mut second = entries.first()?.clone();
            let (start, end) = (number(&second, 0)?, number(&second, 1)?);
            move_number(entries.first_mut()?, 1, (start + end) / 2 - end)?;
            move_number(&mut second, 0, (start + end) / 2 + 1 - start)?;
            second.items_mut()?.truncate(3);
            entries.insert(1, second);
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-replicas-of-others",
        "CLUSTER SLOTS of one replica lists the replicas of other primaries",
        &["topology/slots-primary-first"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| {
            let mut last: Vec<Tree> = entries.iter_mut().filter_map(|entry| entry.items_mut()?.pop()).collect();
            last.rotate_left(1);
            for (entry, replica) in entries.iter_mut().zip(last) {
                entry.items_mut()?.push(replica);
            }
            Some(())
        }
    ),
    entries!(
        on_reply,
        "slots-without-ids-in-resp3",
        "CLUSTER SLOTS lists nodes only by address and port in RESP3",
        &["topology/slots-form"],
        |scene, _| scene.resp3(),
        |entries| {
            nodes(entries).for_each(|node| node.truncate(2));
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-without-metadata-in-resp3",
        "CLUSTER SLOTS lists nodes without metadata in RESP3, as before 7.0",
        &["topology/slots-form", "topology/slots-metadata-type"],
        |scene, _| scene.resp3(),
        |entries| {
            nodes(entries).for_each(|node| node.truncate(3));
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-metadata-array-in-resp3",
        "CLUSTER SLOTS returns the metadata as a flat array in RESP3, too",
        &["topology/slots-metadata-type"],
        |scene, _| scene.resp3(),
        |entries| {
            for metadata in nodes(entries).filter_map(|node| node.get_mut(3)) {
                if let Tree::Items(kind, _) = metadata {
                    *kind = b'*';
                }
            }
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-metadata-map-in-resp2",
        "CLUSTER SLOTS returns the metadata as a map in RESP2, too",
        &["topology/slots-metadata-type"],
        |scene, _| !scene.resp3() && scene.node() < 3,
        |entries| {
            for metadata in nodes(entries).filter_map(|node| node.get_mut(3)) {
                if let Tree::Items(kind, _) = metadata {
                    *kind = b'%';
                }
            }
            Some(())
        }
    ),
    entries!(
        on_reply,
        "slots-metadata-without-ip",
        "CLUSTER SLOTS never puts the address into the metadata",
        &["topology/slots-metadata-names-the-rest"],
        |_, _| true,
        |entries| {
            for metadata in nodes(entries).filter_map(|node| node.get_mut(3)?.items_mut()) {
                if let Some(at) = metadata.iter().position(|item| item.text() == Some(b"ip")) {
                    metadata.drain(at..at + 2);
                }
            }
            Some(())
        }
    ),
    entries!(
        on_reply,
        "slots-endpoint-is-always-the-address",
        "CLUSTER SLOTS lists addresses as endpoints even where host names are preferred",
        &["topology/slots-metadata-names-the-rest"],
        |_, _| true,
        |entries| {
            for node in nodes(entries) {
                let ip = node.get_mut(3).and_then(|metadata| metadata.value_mut("ip").cloned());
                if let Some(ip) = ip {
                    node[0] = ip;
                }
            }
            Some(())
        }
    ),
    entries!(
        on_calm_reply,
        "slots-bus-port-of-replicas",
        "CLUSTER SLOTS of one replica lists port 0 for replicas",
        &["consistency/addresses-lead-to-the-nodes", "topology/slots-form"],
        |scene, reply| is_last(scene) && has_all_replicas(reply),
        |entries| {
            for entry in entries.iter_mut().filter_map(Tree::items_mut) {
                for node in entry.iter_mut().skip(3) {
                    *node.items_mut()?.get_mut(1)? = Tree::Line(b':', b"0".to_vec());
                }
            }
            Some(())
        }
    ),
    on_calm_reply(
        "slots-port-of-another-node",
        "CLUSTER SLOTS of one replica lists the port of another node for itself",
        &["consistency/addresses-lead-to-the-nodes"],
        |scene, request, reply| {
            (is_last(scene)).then_some(())?;
            let own = port(scene.address())?;
            let other = port(scene.addresses().get(3)?)?;
            change_entries(request, reply, |entries| {
                for node in nodes(entries).filter(|node| node[1].text() == Some(own.as_bytes())) {
                    node[1] = Tree::Line(b':', other.clone().into_bytes());
                }
                Some(())
            })
        },
    ),
    on_reply(
        "slots-null-where-there-are-none",
        "CLUSTER SLOTS returns null instead of an empty array on a node that knows no slot owner",
        &["topology/nothing-is-an-empty-array"],
        |_, request, reply| {
            (request.is("CLUSTER SLOTS") && &reply.bytes()[..] == b"*0\r\n")
                .then(|| Replacement::Answer(b"*-1\r\n".to_vec()))
        },
    ),
    entries!(
        on_reply,
        "slots-joins-ranges-over-a-gap",
        "CLUSTER SLOTS joins two ranges of a primary although a slot of another node lies between them",
        &["consistency/changes-show-at-once", "consistency/views-converge"],
        |_, _| true,
        |entries| {
            let primary = |entry: &Tree| entry.items().and_then(|items| items.get(2)).cloned();
            let follows = |one: &Tree, next: &Tree| {
                number(one, 1).map(|end| end + 2) == number(next, 0) && primary(one) == primary(next)
            };
            let next = entries.iter().position(|next| entries.iter().any(|one| follows(one, next)))?;
            let next = entries.remove(next);
            let one = entries.iter_mut().find(|one| follows(one, &next))?;
            *one.items_mut()?.get_mut(1)? = next.items()?.get(1)?.clone();
            Some(())
        }
    ),
    on_reply(
        "slots-never-lists-later-replicas",
        "CLUSTER SLOTS omits replicas that joined after the cluster was created",
        &["replication/empty-node-becomes-a-replica-and-back", "topology/replica-without-data"],
        |scene, request, reply| {
            let last = port(scene.addresses().last()?)?;
            change_entries(request, reply, |entries| {
                for entry in entries.iter_mut().filter_map(Tree::items_mut) {
                    entry.retain(|node| {
                        node.items().is_none_or(|fields| fields.get(1).and_then(Tree::text) != Some(last.as_bytes()))
                    });
                }
                entries.iter().all(|entry| entry.items().is_some_and(|entry| entry.len() > 2)).then_some(())
            })
        },
    ),
];

/// Says whether no replica is missing: a node that dies may be the defective one.
fn has_all_replicas(reply: &Reply) -> bool {
    let entries = reply.items().unwrap_or_default();
    entries.iter().all(|entry| wire::items_of(entry).is_some_and(|entry| entry.len() > 3))
}

fn change_entries(
    request: &Request,
    reply: &Reply,
    change: impl FnOnce(&mut Vec<Tree>) -> Option<()>,
) -> Option<Replacement> {
    request.is("CLUSTER SLOTS").then_some(())?;
    edit::tree(reply.bytes(), |tree| change(tree.items_mut()?)).map(Replacement::Answer)
}

/// Returns the fields of all nodes of all entries.
fn nodes(entries: &mut [Tree]) -> impl Iterator<Item = &mut Vec<Tree>> {
    entries
        .iter_mut()
        .filter_map(Tree::items_mut)
        .flat_map(|entry| entry.iter_mut().skip(2))
        .filter_map(Tree::items_mut)
}

fn number(entry: &Tree, at: usize) -> Option<i64> {
    std::str::from_utf8(entry.items()?.get(at)?.text()?).ok()?.parse().ok()
}

/// Moves the start or the end of an entry, unless the result is not a slot.
fn move_number(entry: &mut Tree, at: usize, by: i64) -> Option<()> {
    let moved = number(entry, at)? + by;
    if (0..16_384).contains(&moved) {
        *entry.items_mut()?.get_mut(at)? = Tree::Line(b':', moved.to_string().into_bytes());
    }
    Some(())
}

fn port(address: &str) -> Option<String> {
    address.rsplit_once(':').map(|(_, port)| port.to_owned())
}
