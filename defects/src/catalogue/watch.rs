//! WATCH or DISCARD forgets or keeps too much, or a replica handles transactions wrongly.

use wire::command;

use super::common::{code, moved};
use super::transactions::null_array;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{self, Tree, error, simple};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "watch-is-ignored",
        "WATCH answers OK and watches nothing",
        &["transactions/changed-first-key-fails-exec"],
        |_, request| request.is("WATCH").then(|| Replacement::Answer(simple("OK"))),
    ),
    on_request(
        "watch-of-the-first-key-only",
        "WATCH watches only the first of its keys",
        &["transactions/changed-second-key-fails-exec"],
        |_, request| {
            (request.is("WATCH") && request.words().len() > 2)
                .then(|| Replacement::Send { commands: vec![command!["WATCH", request.word(1)]], shown: 0 })
        },
    ),
    on_reply(
        "watch-of-a-remote-key-is-ok",
        "WATCH answers OK for a key of another node",
        &["moved/every-declared-command", "transactions/watch-of-remote-keys-is-refused"],
        |_, request, reply| (request.is("WATCH") && moved(reply).is_some()).then(|| Replacement::Answer(simple("OK"))),
    ),
    on_reply(
        "watch-outlives-exec",
        "EXEC keeps the watched keys, so that the next EXEC on the connection fails",
        &["transactions/unchanged-keys-let-exec-run"],
        |scene, request, reply| {
            *scene.note("watched") += i64::from(request.is("WATCH") && reply.error().is_none());
            if !request.is("EXEC") || Tree::read(reply.bytes())?.items().is_none() {
                return None;
            }
            let (watched, before) = (*scene.note("watched") > 0, *scene.note("ran"));
            *scene.note("ran") += i64::from(watched);
            (watched && before > 0).then(|| Replacement::Answer(null_array(scene)))
        },
    ),
    on_reply(
        "watch-outlives-discard",
        "DISCARD keeps the watched keys, so that the next EXEC on the connection fails",
        &["transactions/discard-clears-after-a-redirect"],
        |scene, request, reply| {
            *scene.note("discarded") += i64::from(request.is("DISCARD") && reply.error().is_none());
            (request.is("EXEC") && reply.error().is_none() && *scene.note("discarded") > 0)
                .then(|| Replacement::Answer(null_array(scene)))
        },
    ),
    on_request(
        "discard-keeps-the-transaction",
        "DISCARD answers OK and does not end the transaction",
        &["transactions/discard-clears-after-a-redirect"],
        |scene, request| (request.is("DISCARD") && scene.in_transaction()).then(|| Replacement::Answer(simple("OK"))),
    ),
    on_reply(
        "watched-slot-counts-for-exec",
        "EXEC returns null if the slot of a watched key differs from that of the queued commands",
        &["transactions/watched-slot-may-differ"],
        |scene, request, reply| {
            *scene.note("watched") += i64::from(request.is("WATCH") && request.words().len() == 2);
            let ran_alone = Tree::read(reply.bytes())?.items().is_some_and(|items| items.len() == 1);
            (request.is("EXEC") && ran_alone && std::mem::take(scene.note("watched")) > 0)
                .then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_reply(
        "replica-queues-reads-by-default",
        "A replica queues reads of the keys of its primary without READONLY",
        &["transactions/replica-redirects-by-default"],
        |scene, request, reply| {
            let (_, to) = moved(reply)?;
            let its_primary = scene.addresses().get(scene.node().checked_sub(3)?)?;
            (request.is("GET") && scene.in_transaction() && !scene.readonly() && to == *its_primary)
                .then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "replica-redirects-reads-in-transactions",
        "A replica in READONLY mode redirects EXISTS in transactions",
        &["transactions/replica-does-not-block", "transactions/replica-runs-reads"],
        |scene, request, reply| {
            (request.is("EXISTS") && scene.in_transaction() && scene.readonly() && reply.error().is_none())
                .then(|| Replacement::Answer(error(&format!("MOVED 0 {}", scene.next_address()))))
        },
    ),
    on_reply(
        "replica-queues-writes",
        "A replica in READONLY mode queues SET",
        &["transactions/replica-redirects-writes"],
        |scene, request, reply| {
            (request.is("SET") && scene.in_transaction() && scene.readonly() && moved(reply).is_some())
                .then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "blocking-read-in-a-transaction-times-out-with-an-error",
        "A blocking read that finds nothing in a transaction on a replica fails",
        &["transactions/replica-does-not-block"],
        |scene, request, reply| {
            *scene.note("blocking") += i64::from(request.is("XREAD") && scene.in_transaction() && scene.readonly());
            (request.is("EXEC") && *scene.note("blocking") > 0 && code(reply).is_none())
                .then(|| Replacement::Answer(edit::array(&[error("UNBLOCKED not in a transaction"), edit::integer(0)])))
        },
    ),
    on_reply(
        "replica-wakes-blocked-reads-with-nothing",
        "A blocked XREAD on a replica wakes with null when data comes",
        &["transactions/replica-wakes-blocked-reads"],
        |scene, request, reply| {
            (request.is("XREAD BLOCK 0") && scene.readonly() && !scene.in_transaction() && code(reply).is_none())
                .then(|| Replacement::Answer(null_array(scene)))
        },
    ),
];
