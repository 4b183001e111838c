//! Shard subscriptions that end because a slot leaves or a role changes: clients are told wrongly, or not at all.

use super::channels::{cut_at_zero, is, swapped};
use super::common::code;
use crate::defect::{Defect, Replacement, on_push, on_reply};
use crate::edit::{Tree, array, integer, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_push(
        "sunsubscribe-comes-twice",
        "A subscriber in RESP3 gets the sunsubscribe of a slot that has left twice",
        &[
            "sharded-pubsub/moved-slot-ends-subscriptions-key-by-key",
            "sharded-pubsub/moved-slot-ends-subscriptions-in-batches",
            "sharded-pubsub/moved-slot-ends-subscriptions-atomic",
        ],
        |scene, push| (scene.resp3() && is(push, "sunsubscribe")).then(|| push.bytes().repeat(2)),
    ),
    on_push(
        "replicas-end-no-subscriptions",
        "A replica sends no sunsubscribe when it loses a slot",
        &[
            "sharded-pubsub/moved-slot-ends-subscriptions-key-by-key",
            "sharded-pubsub/moved-slot-ends-subscriptions-in-batches",
            "sharded-pubsub/another-primary-ends-subscriptions",
        ],
        |scene, push| (scene.is_replica() && is(push, "sunsubscribe")).then(Vec::new),
    ),
    on_push(
        "sunsubscribe-counts-no-channel",
        "The sunsubscribe of a slot that has left always counts 0 remaining channels",
        &["sharded-pubsub/delslots-ends-subscriptions", "sharded-pubsub/reset-ends-subscriptions"],
        |_, push| {
            let zero = |tree: &mut Tree| {
                *tree.items_mut()?.get_mut(2)? = Tree::Line(b':', b"0".to_vec());
                Some(())
            };
            tree(push.bytes(), zero).filter(|_| is(push, "sunsubscribe"))
        },
    ),
    on_push(
        "sunsubscribe-is-an-array-in-resp3",
        "The sunsubscribe of a slot that has left is an array in RESP3, as if it were the reply to a command",
        &[
            "sharded-pubsub/replies-keep-their-order-key-by-key",
            "sharded-pubsub/replies-keep-their-order-in-batches",
            "sharded-pubsub/replies-keep-their-order-atomic",
        ],
        |scene, push| (scene.resp3() && is(push, "sunsubscribe")).then(|| [b"*", &push.bytes()[1..]].concat()),
    ),
    on_push(
        "reset-tells-no-subscriber-in-resp2",
        "A subscriber in RESP2 is not told that its slot has left",
        &["sharded-pubsub/reset-ends-subscriptions", "sharded-pubsub/delslots-ends-subscriptions"],
        |scene, push| (!scene.resp3() && is(push, "sunsubscribe")).then(Vec::new),
    ),
    on_reply(
        "transactions-publish-at-the-old-owner",
        "EXEC of a queued SPUBLISH answers 0 instead of MOVED when the slot has left",
        &[
            "sharded-pubsub/queued-messages-are-redirected-key-by-key",
            "sharded-pubsub/queued-messages-are-redirected-in-batches",
            "sharded-pubsub/queued-messages-are-redirected-atomic",
        ],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("SPUBLISH") && code(reply).is_none() {
                *scene.note("queued") = 1;
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("queued")) > 0;
            (is_late && code(reply)? == "MOVED").then(|| Replacement::Answer(array(&[integer(0)])))
        },
    ),
    on_push(
        "two-shard-messages-change-places",
        "The messages 500 and 501 of a connection reach shard subscribers in the wrong order",
        &["sharded-pubsub/messages-keep-their-order"],
        |_, push| swapped(push).filter(|_| is(push, "smessage")),
    ),
    on_push(
        "shard-payloads-end-at-zero-bytes",
        "A payload ends at its first zero byte when it reaches a shard subscriber on a replica",
        &["sharded-pubsub/any-bytes-arrive"],
        |scene, push| cut_at_zero(push).filter(|_| is(push, "smessage") && scene.is_replica()),
    ),
    on_push(
        "old-primary-forgets-its-subscribers",
        "A demoted primary neither tells its shard subscribers nor sends them messages",
        &["sharded-pubsub/manual-failover-loses-no-subscriber"],
        |scene, push| {
            let is_theirs = is(push, "sunsubscribe") || is(push, "smessage");
            (!scene.is_replica() && is_theirs).then(Vec::new)
        },
    ),
    on_push(
        "new-primary-forgets-its-subscribers",
        "A promoted replica neither tells its shard subscribers in RESP2 nor sends them messages",
        &["sharded-pubsub/manual-failover-loses-no-subscriber", "sharded-pubsub/dead-primary-loses-no-subscriber"],
        |scene, push| {
            let is_theirs = is(push, "sunsubscribe") || is(push, "smessage");
            (scene.is_replica() && is_theirs && !scene.resp3()).then(Vec::new)
        },
    ),
];
