//! Epochs that stand still, states that are wrong, and clusters that are down and serve, or are well and do not.

use wire::{Slot, command};

use super::common::code;
use super::failover::of_node;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{error, integer, lines, null, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "my-epoch-stands-still",
        sentence: "CLUSTER INFO gives for ever the cluster_my_epoch that the node had when it was first asked",
        fails: &[
            "failover/force-needs-no-primary-but-votes",
            "failover/manual-swaps-roles",
            "failover/replica-takes-over",
            "failover/second-promotion-has-new-votes",
        ],
        lie: Lie::Reply(|scene, request, reply| stands_still(scene, request, reply.bytes(), "cluster_my_epoch")),
    },
    Defect {
        name: "current-epoch-stands-still",
        sentence: "CLUSTER INFO gives for ever the cluster_current_epoch that the node had when it was first asked",
        fails: &[
            "failover/force-needs-no-primary-but-votes",
            "failover/lost-election-is-repeated",
            "failover/manual-swaps-roles",
            "failover/replica-takes-over",
            "failover/second-promotion-has-new-votes",
            "failover/takeover-needs-no-votes",
        ],
        lie: Lie::Reply(|scene, request, reply| stands_still(scene, request, reply.bytes(), "cluster_current_epoch")),
    },
    Defect {
        name: "bump-without-bump",
        sentence: "CLUSTER BUMPEPOCH answers BUMPED and leaves the epochs as they are",
        fails: &["errors/refused-changes-change-nothing", "replication/keys-of-a-lost-slot-are-deleted"],
        lie: Lie::Request(|_, request| request.is("CLUSTER BUMPEPOCH").then(|| Instead::Say(simple("BUMPED 99")))),
    },
    Defect {
        name: "keys-of-a-lost-slot-are-counted",
        sentence: "Once a node bumped its epoch, CLUSTER COUNTKEYSINSLOT of the others never gives less than before",
        fails: &["replication/keys-of-a-lost-slot-are-deleted"],
        lie: Lie::Reply(|scene, request, reply| {
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
            (other && before > count).then(|| Instead::Say(integer(before)))
        }),
    },
    Defect {
        name: "failed-replica-stays-suspected",
        sentence: "CLUSTER NODES shows a replica that failed as suspected only",
        fails: &["down/dead-replicas-are-harmless", "failover/single-primary-marks-failures", "topology/dead-shard"],
        lie: Lie::Reply(|_, request, reply| {
            let suspected = |text: &str| text.replace(" slave,fail ", " slave,fail? ");
            request.is("CLUSTER NODES").then(|| crate::edit::text(reply.bytes(), suspected))?.map(Instead::Say)
        }),
    },
    Defect {
        name: "failed-nodes-are-online-in-shards",
        sentence: "CLUSTER SHARDS gives the health online for nodes that failed",
        fails: &["failover/replica-takes-over", "topology/dead-replica-in-shards"],
        lie: Lie::Reply(|_, request, reply| {
            let online = |tree: &mut crate::edit::Tree| {
                heal(tree);
                Some(())
            };
            request.is("CLUSTER SHARDS").then(|| crate::edit::tree(reply.bytes(), online))?.map(Instead::Say)
        }),
    },
    Defect {
        name: "failed-slots-are-not-counted",
        sentence: "CLUSTER INFO says 0 for cluster_slots_fail whatever failed",
        fails: &["down/dead-primary-without-replica", "failover/only-slot-owners-mark-failures"],
        lie: Lie::Reply(|_, request, reply| {
            if !request.is("CLUSTER INFO") {
                return None;
            }
            let zero = |line: &str| match line.strip_prefix("cluster_slots_fail:") {
                Some(_) => Some("cluster_slots_fail:0".to_owned()),
                None => Some(line.to_owned()),
            };
            lines(reply.bytes(), zero).map(Instead::Say)
        }),
    },
    Defect {
        name: "state-ok-without-slots",
        sentence: "CLUSTER INFO says cluster_state:ok at a node that knows of no slots",
        fails: &["down/node-without-slots-known", "keyslot/answers-while-down", "topology/fresh-node"],
        lie: Lie::Reply(|_, request, reply| {
            let well = |text: &str| match text.contains("cluster_slots_assigned:0\r") {
                true => text.replace("cluster_state:fail", "cluster_state:ok"),
                false => text.to_owned(),
            };
            request.is("CLUSTER INFO").then(|| crate::edit::text(reply.bytes(), well))?.map(Instead::Say)
        }),
    },
    Defect {
        name: "down-node-serves-mget",
        sentence: "A node that is down answers MGET with nulls instead of CLUSTERDOWN",
        fails: &[
            "down/dead-primary-without-replica",
            "down/no-redirect-while-down",
            "down/node-without-slots-known",
            "down/partial-coverage",
            "down/slot-without-owner",
            "errors/unassigned-slot-and-crossslot",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let down = request.is("MGET") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then(|| Instead::Say(super::common::plausible(scene, request)))
        }),
    },
    Defect {
        name: "hundredth-slot-of-a-connection-is-empty",
        sentence: "GET gives null each time that a connection has gone from one slot to another a hundred times",
        fails: &["readonly/every-slot-of-the-shard-is-served", "topology/one-node-serves-all"],
        lie: Lie::Request(|scene, request| {
            if !request.is("GET") || scene.in_transaction() {
                return None;
            }
            let slot = 1 + i64::from(Slot::of(request.words().get(1)?).number());
            if std::mem::replace(scene.note("slot"), slot) == slot {
                return None;
            }
            *scene.note("slots") += 1;
            (*scene.note("slots") % 100 == 0).then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "promoted-replica-finds-nothing-at-first",
        sentence: "A replica that became a primary answers the first GET of each connection with null",
        fails: &[
            "failover/best-replica-wins",
            "failover/clients-see-no-wrong-value",
            "failover/loop-over-all-nodes",
            "failover/manual-loses-no-write",
            "failover/manual-swaps-roles",
            "failover/old-primary-returns-as-replica",
            "failover/second-promotion-has-new-votes",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let served = request.is("GET") && reply.error().is_none() && !scene.in_transaction();
            if !served || !scene.is_replica() || scene.readonly() || scene.asking() {
                return None;
            }
            *scene.note("reads") += 1;
            (*scene.note("reads") == 1).then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "down-node-tells-encodings",
        sentence: "A node that is down answers OBJECT ENCODING with null instead of CLUSTERDOWN",
        fails: &[
            "down/dead-primary-without-replica",
            "down/no-redirect-while-down",
            "down/node-without-slots-known",
            "down/partial-coverage",
            "down/slot-without-owner",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let down = request.is("OBJECT ENCODING") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "down-node-redirects-scripts",
        sentence: "A node that is down answers EVAL with MOVED instead of CLUSTERDOWN",
        fails: &[
            "down/dead-primary-without-replica",
            "down/no-redirect-while-down",
            "down/node-without-slots-known",
            "down/partial-coverage",
            "down/slot-without-owner",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let down = request.is("EVAL") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            let slot = crate::catalogue::common::slot_of(request.word(3));
            down.then(|| Instead::Say(error(&format!("MOVED {slot} {}", scene.next_address()))))
        }),
    },
    Defect {
        name: "down-node-refuses-publish",
        sentence: "A node that is down answers PUBLISH with CLUSTERDOWN, though it has no key",
        fails: &["down/slot-without-owner"],
        lie: Lie::Reply(|scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER INFO") {
                let down = reply.text()?.contains("cluster_state:fail");
                scene.share(note, i64::from(down));
            }
            let refused = request.is("PUBLISH") && scene.shared(note) == 1;
            refused.then(|| Instead::Say(error("CLUSTERDOWN The cluster is down")))
        }),
    },
    Defect {
        name: "unowned-slot-is-redirected",
        sentence: "A key of a slot that nobody owns is answered with MOVED to some node while the rest is served",
        fails: &[
            "down/node-without-slots-known",
            "down/partial-coverage",
            "down/slot-without-owner",
            "keyslot/answers-while-down",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let unowned = request.is("EXISTS") && reply.error()?.text.contains("Hash slot not served");
            let slot = crate::catalogue::common::slot_of(request.word(1));
            unowned.then(|| Instead::Say(error(&format!("MOVED {slot} {}", scene.next_address()))))
        }),
    },
    Defect {
        name: "set-config-epoch-accepted-twice",
        sentence: "CLUSTER SET-CONFIG-EPOCH answers OK at a node that has an epoch, or knows other nodes",
        fails: &["errors/refused-changes-change-nothing"],
        lie: Lie::Reply(|_, request, reply| {
            let refused = request.is("CLUSTER SET-CONFIG-EPOCH") && !reply.error()?.text.contains("nvalid");
            refused.then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "missing-key-is-empty-at-a-node-that-saved",
        sentence: "Once a node was told to SAVE, GET of a missing key gives an empty string in READONLY mode",
        fails: &["failover/best-replica-wins"],
        lie: Lie::Reply(|scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("SAVE") {
                scene.share(note, 1);
            }
            let missing = request.is("GET") && scene.readonly() && reply.is_null();
            (missing && scene.shared(note) == 1).then(|| Instead::Say(crate::edit::bulk("")))
        }),
    },
    Defect {
        name: "reset-of-a-replica-does-nothing",
        sentence: "CLUSTER RESET without an option answers OK and does nothing",
        fails: &["replication/empty-node-becomes-a-replica-and-back"],
        lie: Lie::Request(|_, request| {
            let plain = request.is("CLUSTER RESET") && request.words().len() == 2;
            plain.then(|| Instead::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        }),
    },
];

/// Gives a field of CLUSTER INFO as it was when this node was first asked.
fn stands_still(scene: &mut Scene<'_>, request: &Request, reply: &[u8], field: &str) -> Option<Instead> {
    if !request.is("CLUSTER INFO") {
        return None;
    }
    let note = of_node(scene)?;
    let changed = lines(reply, |line| {
        let Some(value) = line.strip_prefix(field).and_then(|rest| rest.strip_prefix(':')?.parse::<i64>().ok()) else {
            return Some(line.to_owned());
        };
        // Kept with one more, as 0 says that nothing is kept.
        if scene.shared(note) == 0 {
            scene.share(note, value + 1);
        }
        Some(format!("{field}:{}", scene.shared(note) - 1))
    });
    changed.map(Instead::Say)
}

/// Says online wherever a node failed.
fn heal(tree: &mut crate::edit::Tree) {
    if let Some(health) = tree.value_mut("health")
        && health.text() == Some(b"fail")
    {
        *health = crate::edit::Tree::Bulk(b'$', b"online".to_vec());
    }
    tree.items_mut().into_iter().flatten().for_each(heal);
}
