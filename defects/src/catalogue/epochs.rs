//! Epochs do not change, node or cluster states are wrong, or a node serves keys while it is down.

use wire::{Slot, command};

use super::common::code;
use super::failover::of_node;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, integer, lines, null, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "my-epoch-stands-still",
        "CLUSTER INFO always reports the cluster_my_epoch that the node had at the first call",
        &["failover/second-promotion-has-new-votes"],
        |scene, request, reply| stands_still(scene, request, reply.bytes(), "cluster_my_epoch"),
    ),
    on_reply(
        "current-epoch-stands-still",
        "CLUSTER INFO always reports the cluster_current_epoch that the node had at the first call",
        &["failover/second-promotion-has-new-votes", "failover/takeover-needs-no-votes"],
        |scene, request, reply| stands_still(scene, request, reply.bytes(), "cluster_current_epoch"),
    ),
    on_request(
        "bump-without-bump",
        "CLUSTER BUMPEPOCH answers BUMPED and does not change the epochs",
        &["errors/refused-changes-change-nothing", "replication/keys-of-a-lost-slot-are-deleted"],
        |_, request| request.is("CLUSTER BUMPEPOCH").then(|| Replacement::Answer(simple("BUMPED 99"))),
    ),
    on_reply(
        "keys-of-a-lost-slot-are-counted",
        "CLUSTER COUNTKEYSINSLOT of other nodes never decreases after a node bumped its epoch",
        &["replication/keys-of-a-lost-slot-are-deleted"],
        |scene, request, reply| {
            if request.is("CLUSTER BUMPEPOCH") {
                scene.share("bumped", i64::try_from(scene.node()).ok()? + 1);
            }
            if !request.is("CLUSTER COUNTKEYSINSLOT") {
                return None;
            }
            let (note, count) = (of_node(scene)?, reply.integer()?);
            let (before, bumped) = (scene.shared(note), scene.shared("bumped"));
            let other = bumped != 0 && bumped != i64::try_from(scene.node()).ok()? + 1;
            scene.share(note, before.max(count));
            (other && before > count).then(|| Replacement::Answer(integer(before)))
        },
    ),
    on_reply(
        "failed-replica-stays-suspected",
        "CLUSTER NODES flags a failed replica as fail? instead of fail",
        &["down/dead-replicas-are-harmless", "failover/single-primary-marks-failures"],
        |_, request, reply| {
            let suspected = |text: &str| text.replace(" slave,fail ", " slave,fail? ");
            request.is("CLUSTER NODES").then(|| crate::edit::text(reply.bytes(), suspected))?.map(Replacement::Answer)
        },
    ),
    on_reply(
        "failed-nodes-are-online-in-shards",
        "CLUSTER SHARDS reports the health online for nodes that failed",
        &["failover/replica-takes-over", "topology/dead-replica-in-shards"],
        |_, request, reply| {
            let online = |tree: &mut crate::edit::Tree| {
                heal(tree);
                Some(())
            };
            request.is("CLUSTER SHARDS").then(|| crate::edit::tree(reply.bytes(), online))?.map(Replacement::Answer)
        },
    ),
    on_reply(
        "failed-slots-are-not-counted",
        "CLUSTER INFO always reports cluster_slots_fail as 0",
        &["down/dead-primary-without-replica", "failover/only-slot-owners-mark-failures"],
        |_, request, reply| {
            if !request.is("CLUSTER INFO") {
                return None;
            }
            let zero = |line: &str| match line.strip_prefix("cluster_slots_fail:") {
                Some(_) => Some("cluster_slots_fail:0".to_owned()),
                None => Some(line.to_owned()),
            };
            lines(reply.bytes(), zero).map(Replacement::Answer)
        },
    ),
    on_reply(
        "state-ok-without-slots",
        "CLUSTER INFO reports cluster_state:ok on a node that knows no slots",
        &["down/node-without-slots-known", "topology/fresh-node"],
        |_, request, reply| {
            let well = |text: &str| match text.contains("cluster_slots_assigned:0\r") {
                true => text.replace("cluster_state:fail", "cluster_state:ok"),
                false => text.to_owned(),
            };
            request.is("CLUSTER INFO").then(|| crate::edit::text(reply.bytes(), well))?.map(Replacement::Answer)
        },
    ),
    on_reply(
        "down-node-serves-mget",
        "A node that is down answers MGET with nulls instead of CLUSTERDOWN",
        &["down/no-redirect-while-down", "down/node-without-slots-known"],
        |scene, request, reply| {
            let down = request.is("MGET") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then(|| Replacement::Answer(super::common::plausible(scene, request)))
        },
    ),
    on_request(
        "hundredth-slot-of-a-connection-is-empty",
        "GET returns null whenever a connection has changed the slot a hundred times",
        &["readonly/every-slot-of-the-shard-is-served", "topology/one-node-serves-all"],
        |scene, request| {
            if !request.is("GET") || scene.in_transaction() {
                return None;
            }
            let slot = 1 + i64::from(Slot::of(request.words().get(1)?).number());
            if std::mem::replace(scene.note("slot"), slot) == slot {
                return None;
            }
            *scene.note("slots") += 1;
            (*scene.note("slots") % 100 == 0).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "promoted-replica-finds-nothing-at-first",
        "A promoted replica answers the first GET of each connection with null",
        &[
            "failover/best-replica-wins",
            "failover/clients-see-no-wrong-value",
            "failover/old-primary-returns-as-replica",
        ],
        |scene, request, reply| {
            let served = request.is("GET") && reply.error().is_none() && !scene.in_transaction();
            if !served || !scene.is_replica() || scene.readonly() || scene.asking() {
                return None;
            }
            *scene.note("reads") += 1;
            (*scene.note("reads") == 1).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "down-node-tells-encodings",
        "A node that is down answers OBJECT ENCODING with null instead of CLUSTERDOWN",
        &["down/no-redirect-while-down", "down/node-without-slots-known"],
        |scene, request, reply| {
            let down = request.is("OBJECT ENCODING") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "down-node-redirects-scripts",
        "A node that is down answers EVAL with MOVED instead of CLUSTERDOWN",
        &["down/no-redirect-while-down"],
        |scene, request, reply| {
            let down = request.is("EVAL") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            let slot = crate::catalogue::common::slot_of(request.word(3));
            down.then(|| Replacement::Answer(error(&format!("MOVED {slot} {}", scene.next_address()))))
        },
    ),
    on_reply(
        "down-node-refuses-publish",
        "A node that is down answers PUBLISH with CLUSTERDOWN, although PUBLISH has no key",
        &["down/slot-without-owner"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER INFO") {
                let down = reply.text()?.contains("cluster_state:fail");
                scene.share(note, i64::from(down));
            }
            let refused = request.is("PUBLISH") && scene.shared(note) == 1;
            refused.then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
        },
    ),
    on_reply(
        "unowned-slot-is-redirected",
        "A node redirects a key of a slot without an owner, while it serves other slots",
        &["down/slot-without-owner"],
        |scene, request, reply| {
            let unowned = request.is("EXISTS") && reply.error()?.text.contains("Hash slot not served");
            let slot = crate::catalogue::common::slot_of(request.word(1));
            unowned.then(|| Replacement::Answer(error(&format!("MOVED {slot} {}", scene.next_address()))))
        },
    ),
    on_reply(
        "set-config-epoch-accepted-twice",
        "CLUSTER SET-CONFIG-EPOCH answers OK on a node that has an epoch or knows other nodes",
        &["errors/refused-changes-change-nothing"],
        |_, request, reply| {
            let refused = request.is("CLUSTER SET-CONFIG-EPOCH") && !reply.error()?.text.contains("nvalid");
            refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "missing-key-is-empty-at-a-node-that-saved",
        "GET of a missing key returns an empty string in READONLY mode after a SAVE",
        &["failover/best-replica-wins"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("SAVE") {
                scene.share(note, 1);
            }
            let missing = request.is("GET") && scene.readonly() && reply.is_null();
            (missing && scene.shared(note) == 1).then(|| Replacement::Answer(crate::edit::bulk("")))
        },
    ),
    on_request(
        "reset-of-a-replica-does-nothing",
        "CLUSTER RESET without an option answers OK and does nothing",
        &["replication/empty-node-becomes-a-replica-and-back"],
        |_, request| {
            let plain = request.is("CLUSTER RESET") && request.words().len() == 2;
            plain.then(|| Replacement::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        },
    ),
];

/// Returns CLUSTER INFO with a field as it was at the first call to this node.
fn stands_still(scene: &mut Scene<'_>, request: &Request, reply: &[u8], field: &str) -> Option<Replacement> {
    if !request.is("CLUSTER INFO") {
        return None;
    }
    let note = of_node(scene)?;
    let changed = lines(reply, |line| {
        let Some(value) = line.strip_prefix(field).and_then(|rest| rest.strip_prefix(':')?.parse::<i64>().ok()) else {
            return Some(line.to_owned());
        };
        // The stored number is one higher, since 0 means that nothing is stored.
        if scene.shared(note) == 0 {
            scene.share(note, value + 1);
        }
        Some(format!("{field}:{}", scene.shared(note) - 1))
    });
    changed.map(Replacement::Answer)
}

/// Replaces the health of failed nodes by online.
fn heal(tree: &mut crate::edit::Tree) {
    if let Some(health) = tree.value_mut("health")
        && health.text() == Some(b"fail")
    {
        *health = crate::edit::Tree::Bulk(b'$', b"online".to_vec());
    }
    tree.items_mut().into_iter().flatten().for_each(heal);
}
