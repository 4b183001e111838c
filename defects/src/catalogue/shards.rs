//! CLUSTER SHARDS is wrong.

use wire::Reply;

use super::nodes::is_last;
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::{self, Tree};
use crate::request::Request;
use crate::scene::Scene;

/// CLUSTER SHARDS of the nodes that fit has changed shards.
macro_rules! shards {
    ($constructor:ident, $name:literal, $sentence:literal, $caught_by:expr, $where:expr, $change:expr) => {
        $constructor($name, $sentence, $caught_by, |scene, request, reply| {
            let fits: fn(&Scene<'_>, &Reply) -> bool = $where;
            fits(scene, reply).then_some(())?;
            change_shards(request, reply, $change)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    shards!(
        on_calm_reply,
        "shards-role-slave",
        "CLUSTER SHARDS of one replica reports the role of replicas as slave",
        &["topology/shards-roles", "topology/shards-same-everywhere"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| each_node(shards, |node| reword(node, "role", "replica", "slave"))
    ),
    shards!(
        on_calm_reply,
        "shards-role-primary",
        "CLUSTER SHARDS of one replica reports the role of primaries as primary instead of master",
        &["topology/shards-roles"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| each_node(shards, |node| reword(node, "role", "master", "primary"))
    ),
    shards!(
        on_calm_reply,
        "shards-health-ok",
        "CLUSTER SHARDS of one replica reports the health ok instead of online",
        &["topology/shards-health"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| each_node(shards, |node| reword(node, "health", "online", "ok"))
    ),
    shards!(
        on_calm_reply,
        "shards-health-fail-of-healthy-nodes",
        "CLUSTER SHARDS of one replica reports the health of all nodes as failed",
        &["topology/shards-health"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| each_node(shards, |node| reword(node, "health", "online", "fail"))
    ),
    shards!(
        on_reply,
        "shards-health-always-online",
        "CLUSTER SHARDS reports the health of failed nodes as online",
        &["failover/replica-takes-over", "topology/dead-replica-in-shards"],
        |_, _| true,
        |shards| each_node(shards, |node| reword(node, "health", "fail", "online"))
    ),
    shards!(
        on_reply,
        "shards-drops-failed-replicas",
        "CLUSTER SHARDS omits failed replicas",
        &["topology/dead-replica-in-shards"],
        |_, _| true,
        |shards| {
            for shard in shards {
                let nodes = shard.value_mut("nodes")?.items_mut()?;
                nodes.retain(|node| {
                    let says = |field: &str, text: &[u8]| {
                        node.clone().value_mut(field).is_some_and(|value| value.text() == Some(text))
                    };
                    !(says("health", b"fail") && says("role", b"replica"))
                });
            }
            Some(())
        }
    ),
    shards!(
        on_reply,
        "shards-slots-as-pairs",
        "CLUSTER SHARDS returns slots in RESP3 as pairs of start and end instead of a flat list",
        &["consistency/changes-show-at-once", "topology/shards-form"],
        |scene, _| scene.resp3(),
        |shards| {
            for slots in shards.iter_mut().filter_map(|shard| shard.value_mut("slots")?.items_mut()) {
                *slots = slots.chunks(2).map(|pair| Tree::Items(b'*', pair.to_vec())).collect();
            }
            Some(())
        }
    ),
    shards!(
        on_calm_reply,
        "shards-flat-arrays-in-resp3",
        "CLUSTER SHARDS returns nodes as flat arrays in RESP3, too",
        &["topology/shards-form"],
        |scene, _| scene.resp3(),
        |shards| each_node(shards, |node| {
            if let Tree::Items(kind, _) = node {
                *kind = b'*';
            }
            Some(())
        })
    ),
    shards!(
        on_calm_reply,
        "shards-without-endpoint",
        "CLUSTER SHARDS of one replica omits the endpoint",
        &["topology/shards-node-fields", "topology/shards-same-everywhere"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| each_node(shards, |node| remove(node, "endpoint"))
    ),
    shards!(
        on_calm_reply,
        "shards-port-is-text",
        "CLUSTER SHARDS of one replica returns ports as strings",
        &["topology/shards-node-fields"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| each_node(shards, |node| {
            let port = node.value_mut("port")?;
            *port = Tree::Bulk(b'$', port.text()?.to_vec());
            Some(())
        })
    ),
    shards!(
        on_calm_reply,
        "shards-offset-of-replicas-stays-0",
        "CLUSTER SHARDS of replicas reports 0 as every replication offset",
        &["topology/shards-replica-offset"],
        |scene, _| scene.node() >= 3,
        |shards| each_node(shards, |node| {
            *node.value_mut("replication-offset")? = Tree::Line(b':', b"0".to_vec());
            Some(())
        })
    ),
    shards!(
        on_calm_reply,
        "shards-splits-off-replicas",
        "CLUSTER SHARDS of one replica lists a replica as a shard of its own",
        &["topology/shards-grouping", "topology/shards-same-everywhere"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| {
            let mut alone = shards.first()?.clone();
            let nodes = shards.first_mut()?.value_mut("nodes")?.items_mut()?;
            let split: Vec<Tree> = nodes.split_off(1);
            *alone.value_mut("nodes")?.items_mut()? = split;
            alone.value_mut("slots")?.items_mut()?.clear();
            shards.push(alone);
            Some(())
        }
    ),
    shards!(
        on_calm_reply,
        "shards-knows-one-node-less",
        "CLUSTER SHARDS of one replica lists only primaries in its first shard",
        &["consistency/slots-and-shards", "topology/shards-grouping", "topology/shards-same-everywhere"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| {
            let nodes = shards.first_mut()?.value_mut("nodes")?.items_mut()?;
            nodes.retain(|node| {
                node.clone().value_mut("role").and_then(|role| role.text().map(<[u8]>::to_vec))
                    == Some(b"master".to_vec())
            });
            Some(())
        }
    ),
    shards!(
        on_calm_reply,
        "shards-without-slots-on-a-replica",
        "CLUSTER SHARDS of one replica lists no slots",
        &["consistency/slots-and-shards", "topology/shards-grouping", "topology/shards-same-everywhere"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| {
            shards.iter_mut().filter_map(|shard| shard.value_mut("slots")?.items_mut()).for_each(Vec::clear);
            Some(())
        }
    ),
    shards!(
        on_calm_reply,
        "shards-ends-exclusive",
        "CLUSTER SHARDS of one replica ends the first range with the slot after the last one",
        &["consistency/slots-and-shards", "topology/shards-grouping", "topology/shards-same-everywhere"],
        |scene, reply| is_last(scene) && all_online(reply),
        |shards| {
            for slots in shards.iter_mut().filter_map(|shard| shard.value_mut("slots")?.items_mut()) {
                if slots.get(1).and_then(Tree::text) == Some(b"5460") {
                    slots[1] = Tree::Line(b':', b"5461".to_vec());
                }
            }
            Some(())
        }
    ),
];

/// Says whether no node is failed: a node that dies may be the defective one.
fn all_online(reply: &Reply) -> bool {
    !reply.bytes().windows(4).any(|word| word == b"fail")
}

fn change_shards(
    request: &Request,
    reply: &Reply,
    change: impl FnOnce(&mut Vec<Tree>) -> Option<()>,
) -> Option<Replacement> {
    request.is("CLUSTER SHARDS").then_some(())?;
    edit::tree(reply.bytes(), |tree| change(tree.items_mut()?)).map(Replacement::Answer)
}

fn each_node(shards: &mut [Tree], mut change: impl FnMut(&mut Tree) -> Option<()>) -> Option<()> {
    for shard in shards {
        shard.value_mut("nodes")?.items_mut()?.iter_mut().try_for_each(&mut change)?;
    }
    Some(())
}

fn reword(node: &mut Tree, field: &str, old: &str, new: &str) -> Option<()> {
    let value = node.value_mut(field)?;
    if value.text() == Some(old.as_bytes()) {
        *value = Tree::Bulk(b'$', new.as_bytes().to_vec());
    }
    Some(())
}

fn remove(node: &mut Tree, field: &str) -> Option<()> {
    let items = node.items_mut()?;
    let at = items.iter().position(|item| item.text() == Some(field.as_bytes()))?;
    items.drain(at..at + 2);
    Some(())
}
