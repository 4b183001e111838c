//! What nodes and clients see while slots or nodes are missing, and afterwards: nodes that are down serve, or others are
//! down too.

use wire::{Redirect, Reply};

use super::common::{code, moved};
use super::failover::of_node;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{array, error, integer, lines, null, simple, text};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "deleted-slots-are-down-everywhere",
        "After DELSLOTS on its owner, other nodes answer CLUSTERDOWN for the slot",
        &["down/others-keep-serving"],
        |scene, request, reply| {
            if request.is("CLUSTER DELSLOTS") {
                scene.share("lost", i64::from(number(request.word(2))?) + 1);
            }
            let (slot, _) = moved(reply)?;
            (i64::from(slot) + 1 == scene.shared("lost"))
                .then(|| Replacement::Answer(error("CLUSTERDOWN Hash slot not served")))
        },
    ),
    on_reply(
        "writes-to-a-dead-owner-are-down",
        "With partial coverage, a node answers CLUSTERDOWN instead of MOVED to a SET for a dead primary",
        &["down/dead-owner-with-partial-coverage"],
        |scene, request, reply| {
            if request.is("CLUSTER NODES") && reply.text()?.contains("master,fail ") {
                scene.share("failed", 1);
            }
            let foreign = request.is("SET") && moved(reply).is_some() && scene.shared("failed") == 1;
            foreign.then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
        },
    ),
    on_reply(
        "down-node-deletes-keys",
        "A node that is down and serves reads answers DEL with 0 instead of CLUSTERDOWN",
        &["down/reads-when-down"],
        |scene, request, reply| {
            let reads = reads(scene, request);
            let down = request.is("DEL") && code(reply)? == "CLUSTERDOWN";
            (reads && down).then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "down-node-redirects-to-nobody",
        "A node that is down and serves reads answers CLUSTERDOWN for keys of other nodes",
        &["down/reads-when-down"],
        |scene, request, reply| {
            let reads = reads(scene, request);
            (reads && request.is("GET") && moved(reply).is_some())
                .then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
        },
    ),
    on_reply(
        "down-node-queues-writes",
        "A node that is down and serves reads queues writes in a transaction",
        &["down/reads-when-down"],
        |scene, request, reply| {
            let reads = reads(scene, request);
            let down = request.is("SET") && scene.in_transaction() && code(reply)? == "CLUSTERDOWN";
            (reads && down).then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "blocked-stream-readers-get-nothing-when-down",
        "XREAD that is blocked returns null instead of CLUSTERDOWN when the cluster goes down",
        &["down/blocked-clients-are-released"],
        |scene, request, reply| {
            let down = request.is("XREAD") && code(reply)? == "CLUSTERDOWN";
            down.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "minority-acknowledges-now-and-then",
        "A primary without a majority answers OK to the fourth SET that it should refuse",
        &["down/minority-stops-writing"],
        |scene, request, reply| {
            let down = request.is("SET") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then_some(())?;
            scene.share("refused", scene.shared("refused") + 1);
            (scene.shared("refused") == 4).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "healed-node-claims-another-slot",
        "A node that could not reach its majority claims a slot of another primary after that",
        &["down/minority-stops-writing"],
        |scene, request, reply| {
            if request.is("SET") && code(reply).is_some_and(|code| code == "CLUSTERDOWN") {
                scene.share("minority", i64::try_from(scene.node()).ok()? + 1);
            }
            let claims = scene.shared("minority") == i64::try_from(scene.node()).ok()? + 1;
            let with_slot = |line: &str| match line.contains("myself,master") && !line.contains(" 0-") {
                true => Some(format!("{line} 0")),
                false => Some(line.to_owned()),
            };
            // A node that owns slot 0 claims the last one of the others instead.
            let claimed = lines(reply.bytes(), with_slot).or_else(|| {
                lines(reply.bytes(), |line| match line.contains("myself,master") {
                    true => Some(format!("{line} 16383")),
                    false => Some(line.to_owned()),
                })
            });
            (request.is("CLUSTER NODES") && claims).then_some(claimed)?.map(Replacement::Answer)
        },
    ),
    on_reply(
        "rejoining-primary-writes-at-once",
        "A primary accepts writes as soon as one node of its majority answers again",
        &["down/rejoining-primary-waits"],
        |scene, request, reply| {
            let node = i64::try_from(scene.node()).ok()? + 1;
            if scene.shared("down") != 0 && scene.shared("down") != node && request.is("PING") {
                scene.share("healed", 1);
            }
            let down = request.is("SET") && code(reply)? == "CLUSTERDOWN";
            down.then(|| scene.share("down", node))?;
            (scene.shared("healed") == 1).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "replicas-are-failed-under-load",
        "CLUSTER NODES flags all replicas as failed after the cluster has got 150 times SET",
        &["down/no-false-alarm"],
        |scene, request, reply| {
            let sets = scene.shared("sets") + i64::from(request.is("SET"));
            scene.share("sets", sets);
            (request.is("CLUSTER NODES") && sets > 150)
                .then(|| text(reply.bytes(), |list| list.replace(" slave ", " slave,fail ")))?
                .map(Replacement::Answer)
        },
    ),
    on_reply(
        "a-replica-is-suspected-now-and-then-under-load",
        "After 30 times SET, one node flags a replica as fail? in every eighth reply to CLUSTER NODES",
        &["down/no-false-alarm"],
        |scene, request, reply| {
            let sets = scene.shared("sets-so-far") + i64::from(request.is("SET"));
            scene.share("sets-so-far", sets);
            let looks = sets > 30 && request.is("CLUSTER NODES") && scene.node() == 0;
            let seen = scene.shared("looks-under-load") + i64::from(looks);
            scene.share("looks-under-load", seen);
            (looks && seen % 8 == 0).then_some(())?;
            text(reply.bytes(), |list| list.replacen(" slave ", " slave,fail? ", 1)).map(Replacement::Answer)
        },
    ),
    on_reply(
        "blocked-client-is-told-twice",
        "A client that waits for an element of a list gets the error twice when its primary is demoted",
        &["failover/blocked-client-gets-one-reply"],
        |_, request, reply| {
            let told = request.is_any(&["BLMOVE"]) && told_of_demotion(reply);
            told.then(|| Replacement::Answer(reply.bytes().repeat(2)))
        },
    ),
    on_reply(
        "blocked-reader-gets-an-empty-stream",
        "A READONLY client that waits for a stream gets an empty array from the demoted primary",
        &["failover/blocked-reader-stays"],
        |scene, request, reply| {
            let waited = request.is("XREAD BLOCK") && scene.readonly() && reply.items().is_some();
            waited.then(|| Replacement::Answer(array(&[])))
        },
    ),
    on_reply(
        "former-primary-keeps-its-role",
        "A demoted primary still reports the role master in INFO",
        &["failover/sibling-follows-a-manual-failover"],
        |scene, request, reply| {
            let demoted = request.is("INFO") && !scene.is_replica();
            demoted
                .then(|| text(reply.bytes(), |info| info.replace("role:slave", "role:master")))?
                .map(Replacement::Answer)
        },
    ),
    on_reply(
        "promoted-replica-forgets-its-first-import",
        "A replica that takes over from a primary without slots shows no slot as importing",
        &["failover/empty-shard"],
        |_, request, reply| {
            let forgotten = |line: &str| {
                let own = line.contains("myself,master") && line.contains(" connected [");
                Some(if own { line.split_once(" [").map_or(line, |(before, _)| before) } else { line }.to_owned())
            };
            request.is("CLUSTER NODES").then(|| lines(reply.bytes(), forgotten))?.map(Replacement::Answer)
        },
    ),
    on_reply(
        "best-replica-hesitates",
        "A replica shows its promotion only some time after it",
        &["failover/best-replica-stands-at-once"],
        |scene, request, reply| {
            let (note, list) = (of_node(scene)?, reply.text()?);
            let promoted = scene.is_replica() && request.is("CLUSTER NODES") && list.contains("myself,master");
            promoted.then(|| scene.share(note, scene.shared(note) + 1))?;
            (scene.shared(note) < 30)
                .then(|| text(reply.bytes(), |list| list.replace("myself,master", "myself,slave")))?
                .map(Replacement::Answer)
        },
    ),
];

/// Whether a node serves reads while it is down, because a client set that.
fn reads(scene: &mut Scene<'_>, request: &Request) -> bool {
    if request.is("CONFIG SET cluster-allow-reads-when-down") {
        scene.share("reads", i64::from(request.word(3) == b"yes"));
    }
    scene.shared("reads") == 1
}

/// Whether a reply says that the node is no longer the primary.
fn told_of_demotion(reply: &Reply) -> bool {
    let Some(error) = reply.error() else { return false };
    error.code == "UNBLOCKED" || Redirect::parse(&error).is_some()
}

fn number(word: &[u8]) -> Option<u16> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
