//! Shard channels: redirects, confirmations, counts and rights are wrong.

use super::channels::is;
use super::common::{code, moved, slot_of};
use super::open_slot::open_slot;
use crate::defect::{Defect, Replacement, on_push, on_reply, on_request};
use crate::edit::{Tree, array, bulk, error, integer, null, simple, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "replicas-accept-foreign-shard-channels",
        "Replicas accept subscriptions to shard channels of other shards after READONLY",
        &["sharded-pubsub/ssubscribe-of-another-shard"],
        |scene, request, reply| {
            moved(reply)?;
            let accepts = request.is("SSUBSCRIBE") && scene.is_replica() && scene.readonly();
            accepts.then(|| Replacement::Answer(confirmation("ssubscribe", request.word(1), 1)))
        },
    ),
    on_reply(
        "replicas-publish-for-other-shards",
        "Replicas answer 0 instead of MOVED to SPUBLISH for another shard",
        &["sharded-pubsub/spublish-of-another-shard"],
        |scene, request, reply| {
            moved(reply)?;
            (request.is("SPUBLISH") && scene.is_replica() && !scene.in_transaction())
                .then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "sunsubscribe-is-never-redirected",
        "SUNSUBSCRIBE confirms the end of a subscription for a channel of another shard",
        &["sharded-pubsub/sunsubscribe-of-another-shard"],
        |_, request, reply| {
            moved(reply)?;
            request.is("SUNSUBSCRIBE").then(|| Replacement::Answer(confirmation("sunsubscribe", request.word(1), 0)))
        },
    ),
    on_reply(
        "leaving-nothing-is-an-error",
        "SUNSUBSCRIBE without arguments answers NOSUB if there is nothing to leave",
        &["sharded-pubsub/leaving-nothing"],
        |_, request, reply| {
            let is_bare = request.is("SUNSUBSCRIBE") && request.words().len() == 1;
            let has_none = Tree::read(reply.bytes())?.items()?.get(1)?.text() == Some(b"-1")
                || reply.bytes()[..] == b">3\r\n$12\r\nsunsubscribe\r\n_\r\n:0\r\n"[..];
            (is_bare && has_none)
                .then(|| Replacement::Answer(error("NOSUB 'SUNSUBSCRIBE' command executed not in subscribed mode")))
        },
    ),
    on_reply(
        "subscriber-stays-in-one-slot",
        "A shard subscriber gets CROSSSLOT for a channel of another slot than its first one",
        &["sharded-pubsub/channels-of-two-slots", "sharded-pubsub/confirmations-resp3"],
        |scene, request, reply| {
            let is_single = request.is("SSUBSCRIBE") && request.words().len() == 2 && code(reply).is_none();
            let slot = i64::from(slot_of(request.word(1))) + 1;
            let first = scene.note("slot");
            if is_single && *first == 0 {
                *first = slot;
            }
            (is_single && *first != slot)
                .then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_reply(
        "shard-channels-count-with-others",
        "SSUBSCRIBE counts the channels of SUBSCRIBE too",
        &["sharded-pubsub/confirmations-resp2", "sharded-pubsub/confirmations-resp3"],
        |scene, request, reply| {
            *scene.note("others") += i64::from(request.is("SUBSCRIBE"));
            let others = *scene.note("others");
            let counted = |tree: &mut Tree| {
                let count = tree.items_mut()?.get_mut(2)?;
                let number: i64 = std::str::from_utf8(count.text()?).ok()?.parse().ok()?;
                *count = Tree::Line(b':', (number + others).to_string().into_bytes());
                Some(())
            };
            request.is("SSUBSCRIBE").then(|| tree(reply.bytes(), counted).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "sunsubscribe-of-a-stranger-counts",
        "SUNSUBSCRIBE of a channel without a subscription lowers the count",
        &["sharded-pubsub/confirmations-resp2"],
        |scene, request, reply| {
            let left = scene.note("left");
            let is_repeated = request.is("SUNSUBSCRIBE") && request.words().len() == 2 && *left > 0;
            *left += i64::from(request.is("SUNSUBSCRIBE"));
            let zero = |tree: &mut Tree| {
                *tree.items_mut()?.get_mut(2)? = Tree::Line(b':', b"0".to_vec());
                Some(())
            };
            is_repeated.then(|| tree(reply.bytes(), zero).map(Replacement::Answer)).flatten()
        },
    ),
    on_request(
        "spublish-reaches-channels-without-slots",
        "SPUBLISH also reaches the subscribers of a channel without a slot, on every node",
        &["sharded-pubsub/stays-in-its-shard", "sharded-pubsub/names-are-separate"],
        |scene, request| {
            let publish = wire::command!["PUBLISH", request.word(1), request.word(2)];
            (request.is("SPUBLISH") && !scene.in_transaction())
                .then(|| Replacement::Send { commands: vec![request.command(), publish], shown: 0 })
        },
    ),
    on_reply(
        "shard-channels-are-channels",
        "PUBSUB CHANNELS lists a shard channel",
        &["sharded-pubsub/introspection"],
        |_, request, reply| {
            let is_empty = request.is("PUBSUB CHANNELS") && reply.items().is_some_and(<[_]>::is_empty);
            let is_literal = request.words().len() == 3 && !request.word(2).contains(&b'*');
            (is_empty && is_literal).then(|| Replacement::Answer(array(&[bulk(request.word(2))])))
        },
    ),
    on_reply(
        "replicas-report-no-shard-channels",
        "PUBSUB SHARDNUMSUB of a replica answers 0 for every channel",
        &["sharded-pubsub/introspection"],
        |scene, request, reply| {
            let zero = |tree: &mut Tree| {
                for count in tree.items_mut()?.iter_mut().skip(1).step_by(2) {
                    *count = Tree::Line(b':', b"0".to_vec());
                }
                Some(())
            };
            (request.is("PUBSUB SHARDNUMSUB") && scene.is_replica())
                .then(|| tree(reply.bytes(), zero).map(Replacement::Answer))
                .flatten()
        },
    ),
    on_reply(
        "spublish-counts-one-subscriber-of-several",
        "SPUBLISH counts one receiver at most",
        &["sharded-pubsub/counts-its-own-subscribers", "sharded-pubsub/reaches-the-whole-shard"],
        |_, request, reply| {
            let is_more = request.is("SPUBLISH") && reply.integer()? > 1;
            is_more.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "spublish-in-transactions-counts-nobody",
        "SPUBLISH inside a transaction answers 0",
        &["sharded-pubsub/counts-its-own-subscribers"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("SPUBLISH") && code(reply).is_none() {
                *scene.note("queued") = 1;
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("queued")) > 0;
            let zero = |tree: &mut Tree| {
                *tree.items_mut()?.first_mut()? = Tree::Line(b':', b"0".to_vec());
                Some(())
            };
            is_late.then(|| tree(reply.bytes(), zero).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "leaving-one-shard-channel-ends-the-mode",
        "A subscriber in RESP2 that has left one of its shard channels may write",
        &["sharded-pubsub/resp2-subscribers-send-few-commands"],
        |scene, request, reply| {
            let is_refused = request.is("SET") && reply.error()?.text.contains("allowed in this context");
            (is_refused && !scene.resp3()).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "shard-subscribers-of-replicas-need-no-readonly",
        "A shard subscriber on a replica reads null without READONLY",
        &["sharded-pubsub/resp3-subscribers-send-commands"],
        |scene, request, reply| {
            *scene.note("subscribed") += i64::from(request.is("SSUBSCRIBE"));
            let is_moved = request.is("GET") && scene.is_replica() && code(reply)? == "MOVED";
            (is_moved && *scene.note("subscribed") > 0 && !scene.readonly())
                .then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "migrating-node-asks-new-subscribers",
        "The source of an open slot answers ASK to new shard subscribers",
        &["sharded-pubsub/migrating-node-serves-channels"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let is_new = request.is("SSUBSCRIBE") && scene.node() == open.source && code(reply).is_none();
            if is_new && slot_of(request.word(1)) == open.slot { open.ask(scene) } else { None }
        },
    ),
    on_reply(
        "migrating-node-keeps-subscribers",
        "The source of an open slot answers ASK to SUNSUBSCRIBE",
        &["sharded-pubsub/migrating-node-lets-subscribers-leave"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let leaves = request.is("SUNSUBSCRIBE") && scene.node() == open.source && code(reply).is_none();
            if leaves && slot_of(request.word(1)) == open.slot { open.ask(scene) } else { None }
        },
    ),
    on_reply(
        "asking-lasts-for-shard-channels",
        "SPUBLISH on the target of an open slot needs ASKING only once on a connection",
        &["sharded-pubsub/importing-node-needs-asking"],
        |scene, request, reply| {
            let has_asked = scene.note("asked");
            let is_later = *has_asked > 0 && request.is("SPUBLISH") && code(reply).is_some_and(|code| code == "MOVED");
            *has_asked |= i64::from(request.is("ASKING"));
            is_later.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "shard-channels-are-down-with-the-cluster",
        "SPUBLISH answers CLUSTERDOWN although cluster-allow-pubsubshard-when-down is yes",
        &["sharded-pubsub/works-while-the-cluster-is-down"],
        |scene, request, reply| {
            if request.is_any(&["CLUSTER DELSLOTS", "CLUSTER ADDSLOTS"]) {
                scene.share("down", i64::from(request.is("CLUSTER DELSLOTS")));
            }
            let is_down = request.is("SPUBLISH") && scene.shared("down") > 0 && reply.integer().is_some();
            is_down.then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
        },
    ),
    on_reply(
        "transactions-publish-while-down",
        "SPUBLISH is queued in a transaction although the cluster is down and shard channels are too",
        &["sharded-pubsub/refuses-while-the-cluster-is-down"],
        |scene, request, reply| {
            let is_refused = request.is("SPUBLISH") && scene.in_transaction() && code(reply)? == "CLUSTERDOWN";
            is_refused.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "rights-end-at-the-first-shard-channel",
        "SSUBSCRIBE compares only its first channel with the rights of the user",
        &["sharded-pubsub/channel-rights"],
        |_, request, reply| {
            let is_refused = request.is("SSUBSCRIBE") && request.words().len() == 3 && code(reply)? == "NOPERM";
            is_refused.then(|| Replacement::Answer(confirmation("ssubscribe", request.word(1), 1)))
        },
    ),
    on_reply(
        "redirects-come-before-channel-rights",
        "SPUBLISH answers MOVED for a channel of another node, also if the user may not use it",
        &["sharded-pubsub/channel-rights"],
        |scene, request, reply| {
            let slot = i64::from(slot_of(request.word(1))) + 1;
            let is_publish = request.is("SPUBLISH");
            let first = scene.note("slot");
            if is_publish && code(reply).is_none() {
                *first = slot;
            }
            let is_elsewhere = is_publish && *first != 0 && *first != slot && code(reply)? == "NOPERM";
            let redirect = format!("MOVED {} {}", slot - 1, scene.next_address());
            is_elsewhere.then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_reply(
        "killed-subscribers-count",
        "SPUBLISH still counts a subscriber that a transaction has killed",
        &["sharded-pubsub/killed-in-a-transaction"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("CLIENT KILL") {
                *scene.note("killed") = 1;
            }
            let is_none = request.is("SPUBLISH") && *scene.note("killed") > 0 && reply.integer() == Some(0);
            is_none.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_request(
        "spublish-on-a-readonly-replica-is-lost",
        "SPUBLISH on a READONLY connection to a replica reaches nobody",
        &["sharded-pubsub/replicas-publish"],
        |scene, request| {
            (request.is("SPUBLISH") && scene.is_replica() && scene.readonly() && !scene.in_transaction())
                .then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_push(
        "replicas-deliver-one-shard-message",
        "A shard subscriber on a replica gets only the first message",
        &["sharded-pubsub/reaches-the-whole-shard", "sharded-pubsub/replicas-publish"],
        |scene, push| {
            let seen = scene.note("seen");
            *seen += i64::from(is(push, "smessage"));
            let is_later = is(push, "smessage") && *seen > 1;
            (is_later && scene.is_replica()).then(Vec::new)
        },
    ),
    on_push(
        "shard-messages-are-arrays-in-resp3",
        "Messages to shard subscribers are arrays in RESP3",
        &["sharded-pubsub/resp3-subscribers-send-commands"],
        |scene, push| (scene.resp3() && is(push, "smessage")).then(|| [b"*", &push.bytes()[1..]].concat()),
    ),
    on_push(
        "undeclared-channels-of-scripts-are-lost",
        "A message that a script publishes to an undeclared shard channel is lost",
        &["scripting/scripts-publish-to-their-node"],
        |_, push| (is(push, "smessage") && push.bytes().ends_with(b"undeclared\r\n")).then(Vec::new),
    ),
];

/// A confirmation in RESP2.
fn confirmation(kind: &str, channel: &[u8], count: i64) -> Vec<u8> {
    array(&[bulk(kind), bulk(channel), integer(count)])
}
