//! Channels without a slot: messages get lost, come twice or in another form, and counts are wrong.

use super::common::{code, slot_of};
use crate::defect::{Defect, Replacement, on_push, on_reply, on_request};
use crate::edit::{Tree, array, bulk, error, integer, null, simple, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_push(
        "replicas-deliver-one-message",
        "A subscriber on a replica gets only the first message",
        &["pubsub/reaches-every-node", "pubsub/replicas-publish"],
        |scene, push| {
            let seen = scene.note("seen");
            *seen += i64::from(is(push, "message"));
            let is_later = is(push, "message") && *seen > 1;
            (is_later && scene.is_replica()).then(Vec::new)
        },
    ),
    on_request(
        "publish-on-a-replica-is-lost",
        "PUBLISH inside a transaction on a replica reaches nobody",
        &["pubsub/replicas-publish"],
        |scene, request| {
            let is_lost = scene.in_transaction() && scene.is_replica() && request.is("PUBLISH");
            let command = wire::command!["PUBLISH", [request.word(1), b":lost"].concat(), request.word(2)];
            is_lost.then(|| Replacement::Send { commands: vec![command], shown: 0 })
        },
    ),
    on_reply(
        "publish-forgets-patterns",
        "PUBLISH does not count the subscribers of patterns if a channel has subscribers too",
        &["pubsub/counts-its-own-subscribers"],
        |_, request, reply| {
            let count = reply.integer().filter(|count| *count > 1)?;
            request.is("PUBLISH").then(|| Replacement::Answer(integer(count - 1)))
        },
    ),
    on_reply(
        "replicas-count-subscribers-of-others",
        "PUBLISH on a replica counts a subscriber although the replica has none",
        &["pubsub/counts-its-own-subscribers"],
        |scene, request, reply| {
            let is_none = request.is("PUBLISH") && reply.integer() == Some(0);
            (is_none && scene.is_replica()).then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_push(
        "pmessage-repeats-the-channel",
        "A pmessage names the channel in place of the pattern",
        &["pubsub/patterns"],
        |_, push| {
            tree(push.bytes(), |tree| {
                let channel = tree.items()?.get(2)?.clone();
                *tree.items_mut()?.get_mut(1)? = channel;
                Some(())
            })
            .filter(|_| is(push, "pmessage"))
        },
    ),
    on_request(
        "channels-have-slots-in-resp3",
        "SUBSCRIBE with channels of several slots answers CROSSSLOT in RESP3",
        &["pubsub/channels-have-no-slot-in-resp3"],
        |scene, request| {
            let differ = slot_of(request.word(1)) != slot_of(request.word(2));
            (scene.resp3() && request.is("SUBSCRIBE") && request.words().len() > 2 && differ)
                .then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_reply(
        "channels-have-slots-in-transactions",
        "EXEC answers CROSSSLOT if two queued PUBLISH name channels of different slots",
        &["pubsub/channels-have-no-slot-in-resp2", "pubsub/channels-have-no-slot-in-resp3"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("PUBLISH") && code(reply).is_none() {
                let slot = i64::from(slot_of(request.word(1))) + 1;
                let before = std::mem::replace(scene.note("slot"), slot);
                *scene.note("differ") |= i64::from(before != 0 && before != slot);
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("differ")) > 0;
            is_late.then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_push(
        "messages-come-twice-on-replicas",
        "A subscriber on a replica gets every message twice",
        &["pubsub/one-message-for-each-subscription", "pubsub/messages-keep-their-order"],
        |scene, push| (is(push, "message") && scene.is_replica()).then(|| push.bytes().repeat(2)),
    ),
    on_push(
        "pattern-message-follows-no-message",
        "A client that has got a message by name does not get it by a pattern",
        &["pubsub/one-message-for-each-subscription"],
        |scene, push| {
            let before = std::mem::replace(scene.note("by name"), i64::from(is(push, "message")));
            (is(push, "pmessage") && before > 0).then(Vec::new)
        },
    ),
    on_push(
        "messages-are-arrays-in-resp3",
        "Messages to pattern subscribers are arrays in RESP3",
        &["pubsub/resp3-subscribers-send-commands"],
        |scene, push| (scene.resp3() && is(push, "pmessage")).then(|| [b"*", &push.bytes()[1..]].concat()),
    ),
    on_reply(
        "subscribers-read-in-resp2",
        "A subscriber in RESP2 gets null from GET instead of an error",
        &["pubsub/resp2-subscribers-send-few-commands"],
        |scene, request, reply| {
            let is_refused = request.is("GET") && reply.error()?.text.contains("allowed in this context");
            (is_refused && !scene.resp3()).then(|| Replacement::Answer(null(false)))
        },
    ),
    on_reply(
        "ping-of-a-subscriber-drops-its-message",
        "PING with a message answers a subscriber in RESP2 with an empty message",
        &["pubsub/resp2-subscribers-send-few-commands"],
        |_, request, reply| {
            let is_long = request.is("PING") && request.words().len() == 2 && reply.items().is_some();
            is_long.then(|| Replacement::Answer(array(&[bulk("pong"), bulk("")])))
        },
    ),
    on_request(
        "reset-keeps-subscriptions",
        "RESET keeps the subscriptions of the connection",
        &["pubsub/reset-ends-subscriptions"],
        |_, request| request.is("RESET").then(|| Replacement::Answer(simple("RESET"))),
    ),
    on_reply(
        "numsub-counts-patterns",
        "PUBSUB NUMSUB counts a subscriber for a channel that only a pattern matches",
        &["pubsub/introspection-is-local"],
        |_, request, reply| {
            let one = |tree: &mut Tree| {
                let last = tree.items_mut()?.last_mut()?;
                *last = Tree::Line(b':', b"1".to_vec());
                Some(())
            };
            let is_long = request.is("PUBSUB NUMSUB") && request.words().len() > 4;
            is_long.then(|| tree(reply.bytes(), one).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "channels-of-other-nodes-are-listed",
        "PUBSUB CHANNELS of a primary lists the channel that another node has",
        &["pubsub/introspection-is-local"],
        |scene, request, reply| {
            let is_empty = request.is("PUBSUB CHANNELS") && reply.items().is_some_and(<[_]>::is_empty);
            (is_empty && !scene.is_replica()).then(|| Replacement::Answer(array(&[bulk(request.word(2))])))
        },
    ),
    on_push(
        "two-messages-change-places",
        "The messages 500 and 501 of a connection arrive in the wrong order",
        &["pubsub/messages-keep-their-order"],
        |_, push| swapped(push).filter(|_| is(push, "message")),
    ),
    on_push(
        "payloads-end-at-zero-bytes",
        "A payload ends at its first zero byte when it reaches a replica",
        &["pubsub/any-bytes-arrive"],
        |scene, push| cut_at_zero(push).filter(|_| is(push, "message") && scene.is_replica()),
    ),
    on_push(
        "large-payloads-are-cut",
        "A payload of more than 512 KiB loses its end",
        &["pubsub/large-payload-arrives"],
        |_, push| {
            tree(push.bytes(), |tree| {
                let payload = tree.items_mut()?.last_mut()?;
                let short = payload.text()?.get(..512 * 1024)?.to_vec();
                *payload = Tree::Bulk(b'$', short);
                Some(())
            })
            .filter(|_| is(push, "message"))
        },
    ),
    on_push(
        "replicas-emit-no-keyspace-events",
        "A replica sends no keyspace event when a key expires or gets a TTL",
        &["pubsub/keyspace-events-stay-on-their-shard"],
        |scene, push| {
            let is_event = push.bytes().windows(10).any(|part| part == b"__keyspace");
            let is_expiry = push.bytes().ends_with(b"expire\r\n");
            (is_event && is_expiry && scene.is_replica()).then(Vec::new)
        },
    ),
    on_push(
        "keyspace-events-reach-other-shards",
        "A keyspace event reaches a subscriber on another shard",
        &["pubsub/keyspace-events-stay-on-their-shard"],
        |scene, push| {
            let is_event = push.bytes().windows(10).any(|part| part == b"__keyspace");
            if is_event {
                scene.share("event", 1);
                *scene.note("own") = 1;
                return None;
            }
            let is_stray = is(push, "message") && scene.shared("event") > 0 && *scene.note("own") == 0;
            let event = array(&[bulk("message"), bulk("__keyspace@0__:stray"), bulk("set")]);
            is_stray.then(|| [event, push.bytes().to_vec()].concat())
        },
    ),
    on_reply(
        "publish-is-down-with-the-cluster",
        "PUBLISH answers CLUSTERDOWN on a node that reports the cluster as down",
        &["pubsub/works-while-the-cluster-is-down"],
        |scene, request, _| {
            if request.is("CLUSTER DELSLOTS") {
                let node = i64::try_from(scene.node()).ok()?;
                scene.share("down", node + 1);
            }
            if request.is("CLUSTER ADDSLOTS") {
                scene.share("down", 0);
            }
            let is_down = usize::try_from(scene.shared("down")).ok()? == scene.node() + 1;
            (is_down && request.is("PUBLISH")).then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
        },
    ),
    on_request(
        "oversized-message-ends-publishing",
        "After a message of 2 MiB, PUBLISH on any connection reaches only the node itself",
        &["pubsub/oversized-message-harms-nobody"],
        |scene, request| {
            if !request.is("PUBLISH") {
                return None;
            }
            if request.word(2).len() >= 2 << 20 {
                scene.share("oversized", 1);
                return None;
            }
            (scene.shared("oversized") > 0).then(|| Replacement::Answer(integer(1)))
        },
    ),
];

/// Whether a push is of this kind.
pub(super) fn is(push: &wire::Reply, kind: &str) -> bool {
    Tree::read(push.bytes()).and_then(|tree| Some(tree.items()?.first()?.text()? == kind.as_bytes())) == Some(true)
}

/// Keeps the message 500 back until 501 has come.
pub(super) fn swapped(push: &wire::Reply) -> Option<Vec<u8>> {
    let mut later = Tree::read(push.bytes())?;
    let payload = later.items_mut()?.last_mut()?;
    let number = payload.text()?.to_vec();
    *payload = Tree::Bulk(b'$', b"500".to_vec());
    match number.as_slice() {
        b"500" => Some(Vec::new()),
        b"501" => Some([push.bytes().to_vec(), later.bytes()].concat()),
        _ => None,
    }
}

/// The message with its payload up to the first zero byte.
pub(super) fn cut_at_zero(push: &wire::Reply) -> Option<Vec<u8>> {
    tree(push.bytes(), |tree| {
        let payload = tree.items_mut()?.last_mut()?;
        let text = payload.text()?;
        let end = text.iter().position(|byte| *byte == 0)?;
        *payload = Tree::Bulk(b'$', text[..end].to_vec());
        Some(())
    })
}
