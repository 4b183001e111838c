//! EXEC runs what it must not or returns wrong results, or commands are queued that must not be.

use wire::Reply;

use super::common::{code, moved};
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{self, Tree, error, simple};
use crate::request::Request;
use crate::scene::Scene;

/// Some commands return another reply.
macro_rules! answer {
    ($name:literal, $sentence:literal, $commands:expr, $caught_by:expr, $replace:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            let replace: fn(&mut Scene<'_>, &Request, &Reply) -> Option<Vec<u8>> = $replace;
            if request.is_any($commands) { replace(scene, request, reply).map(Replacement::Answer) } else { None }
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    answer!(
        "exec-runs-although-queueing-failed",
        "EXEC returns results although an error occurred while queueing",
        &["EXEC"],
        &["transactions/aborts-after-moved", "transactions/aborts-after-wrong-arity"],
        |_, _, reply| has_code(reply, "EXECABORT").then(|| ran(1))
    ),
    answer!(
        "execabort-behind-err",
        "EXEC answers ERR before EXECABORT after an error while queueing",
        &["EXEC"],
        &[
            "transactions/aborts-after-moved",
            "transactions/aborts-after-wrong-arity",
            "transactions/failed-exec-ends-the-transaction"
        ],
        |_, _, reply| has_code(reply, "EXECABORT")
            .then(|| error("ERR EXECABORT Transaction discarded because of previous errors."))
    ),
    answer!(
        "exec-forgets-that-a-command-was-unknown",
        "EXEC runs although one of the queued commands was unknown",
        &["EXEC", "RCT-NO-SUCH-COMMAND"],
        &["transactions/aborts-after-unknown-command"],
        |scene, request, reply| {
            *scene.note("unknown") += i64::from(!request.is("EXEC"));
            (has_code(reply, "EXECABORT") && *scene.note("unknown") > 0).then(|| ran(2))
        }
    ),
    answer!(
        "exec-forgets-that-an-argument-was-missing",
        "EXEC runs although a queued GET had no key",
        &["EXEC", "GET"],
        &["errors/known-first-word", "transactions/aborts-after-wrong-arity"],
        |scene, request, reply| {
            *scene.note("bare") += i64::from(!request.is("EXEC") && request.words().len() == 1);
            (has_code(reply, "EXECABORT") && *scene.note("bare") > 0).then(|| ran(2))
        }
    ),
    answer!(
        "exec-after-an-aborted-one-aborts-too",
        "EXEC aborts a valid transaction if the previous EXEC on the connection aborted",
        &["EXEC"],
        &[
            "transactions/aborts-after-moved",
            "transactions/aborts-after-unknown-command",
            "transactions/aborts-after-wrong-arity"
        ],
        |scene, _, reply| {
            let had = *scene.note("aborted") > 0;
            *scene.note("aborted") = i64::from(has_code(reply, "EXECABORT"));
            (had && Tree::read(reply.bytes())?.items().is_some())
                .then(|| error("EXECABORT Transaction discarded because of previous errors."))
        }
    ),
    answer!(
        "exec-without-multi-is-empty",
        "EXEC without MULTI returns an empty array instead of an error",
        &["EXEC"],
        &["transactions/empty-exec-is-an-empty-array"],
        |_, _, reply| without_multi(reply).then(|| ran(0))
    ),
    answer!(
        "discard-without-multi-is-ok",
        "DISCARD without MULTI answers OK",
        &["DISCARD"],
        &["transactions/discard-clears-after-a-redirect", "transactions/failed-exec-ends-the-transaction"],
        |_, _, reply| without_multi(reply).then(|| simple("OK"))
    ),
    answer!(
        "empty-exec-is-null",
        "EXEC without queued commands returns null instead of an empty array",
        &["EXEC"],
        &["transactions/down-cluster-aborts", "transactions/empty-exec-is-an-empty-array"],
        |scene, _, reply| (reply.bytes()[..] == b"*0\r\n"[..]).then(|| null_array(scene))
    ),
    answer!(
        "exec-replies-out-of-order",
        "EXEC returns its replies in reverse order",
        &["EXEC"],
        &["transactions/runs-in-one-slot"],
        |_, _, reply| edit::tree(reply.bytes(), |tree| {
            tree.items_mut()?.reverse();
            Some(())
        })
    ),
    answer!(
        "exec-drops-the-fifth-reply",
        "EXEC returns at most four replies",
        &["EXEC"],
        &["transactions/runs-in-one-slot"],
        |_, _, reply| edit::tree(reply.bytes(), |tree| {
            tree.items_mut()?.truncate(4);
            Some(())
        })
    ),
    answer!(
        "commands-without-keys-are-not-queued",
        "ECHO and CLUSTER KEYSLOT run at once in a transaction",
        &["ECHO", "CLUSTER KEYSLOT"],
        &["keyslot/queued-in-multi"],
        |scene, request, _| scene.in_transaction().then(|| edit::bulk(request.word(1)))
    ),
    answer!(
        "redirect-comes-with-exec",
        "A node queues GET of a key of another node, and answers MOVED to EXEC",
        &["GET", "EXEC"],
        &[
            "transactions/failed-exec-ends-the-transaction",
            "transactions/remote-key-is-moved",
            "transactions/replica-redirects-by-default"
        ],
        |scene, request, reply| {
            if request.is("EXEC") {
                let slot = std::mem::take(scene.note("slot"));
                let moved = format!("MOVED {} {}", slot - 1, scene.next_address());
                return (slot > 0 && has_code(reply, "EXECABORT")).then(|| error(&moved));
            }
            let (slot, _) = moved(reply)?;
            *scene.note("slot") = i64::from(slot) + 1;
            scene.in_transaction().then(|| simple("QUEUED"))
        }
    ),
    answer!(
        "remote-writes-are-queued",
        "A primary queues SET of a key of another node",
        &["SET"],
        &["transactions/remote-key-is-moved"],
        |scene, _, reply| (scene.in_transaction() && !scene.readonly() && moved(reply).is_some())
            .then(|| simple("QUEUED"))
    ),
    answer!(
        "commands-of-two-slots-are-queued",
        "A node queues MSET and MGET of two slots",
        &["MSET", "MGET"],
        &["transactions/aborts-after-crossslot", "transactions/crossslot-command-aborts"],
        |scene, _, reply| (scene.in_transaction() && has_code(reply, "CROSSSLOT")).then(|| simple("QUEUED"))
    ),
    answer!(
        "transaction-of-two-slots-runs",
        "EXEC on a primary runs commands of two slots of that primary",
        &["EXEC"],
        &["transactions/two-local-slots-are-refused"],
        |scene, _, reply| (has_code(reply, "CROSSSLOT") && !scene.readonly()).then(|| ran(2))
    ),
    answer!(
        "transaction-of-two-slots-says-execabort",
        "EXEC on a primary answers EXECABORT for commands of two slots of that primary",
        &["EXEC"],
        &["transactions/two-local-slots-are-refused"],
        |scene, _, reply| (has_code(reply, "CROSSSLOT") && !scene.readonly())
            .then(|| error("EXECABORT Keys in two slots"))
    ),
    answer!(
        "transaction-of-two-slots-runs-on-a-replica",
        "EXEC on a replica runs reads of two slots",
        &["EXEC"],
        &["transactions/replica-runs-reads"],
        |scene, _, reply| (has_code(reply, "CROSSSLOT") && scene.readonly()).then(|| ran(2))
    ),
    answer!(
        "failed-queueing-ends-the-transaction",
        "A node refuses a write after an error while queueing, as if the transaction had ended",
        &["GET", "MGET", "RCT-NO-SUCH-COMMAND", "SET"],
        &[
            "transactions/aborts-after-moved",
            "transactions/aborts-after-unknown-command",
            "transactions/aborts-after-wrong-arity"
        ],
        |scene, request, reply| {
            if scene.in_transaction() && reply.error().is_some() {
                *scene.note("failed") = 1;
                return None;
            }
            let failed = std::mem::take(scene.note("failed")) > 0;
            (failed && scene.in_transaction() && request.is("SET")).then(|| error("EXECABORT Transaction discarded."))
        }
    ),
    answer!(
        "shard-messages-are-refused-in-transactions",
        "A node refuses SPUBLISH in a transaction",
        &["SPUBLISH"],
        &["transactions/sharded-publish-shares-the-slot"],
        |scene, _, _| scene.in_transaction().then(|| error("ERR SPUBLISH is not allowed in transactions"))
    ),
    answer!(
        "shard-channels-have-no-slot-in-transactions",
        "EXEC ignores the slot of the channel of SPUBLISH",
        &["SPUBLISH", "EXEC"],
        &["transactions/sharded-publish-shares-the-slot"],
        |scene, request, reply| {
            *scene.note("published") += i64::from(request.is("SPUBLISH"));
            (*scene.note("published") > 0 && has_code(reply, "CROSSSLOT")).then(|| ran(2))
        }
    ),
    answer!(
        "transaction-runs-after-its-slot-left",
        "EXEC runs although the slot moved after its commands were queued",
        &["EXEC"],
        &["transactions/slot-leaves-before-exec"],
        |_, _, reply| moved(reply).map(|_| ran(1))
    ),
    answer!(
        "writes-are-queued-while-the-cluster-is-down",
        "A node that is down queues SET in a transaction",
        &["SET"],
        &["transactions/down-cluster-aborts"],
        |scene, _, reply| (scene.in_transaction() && has_code(reply, "CLUSTERDOWN")).then(|| simple("QUEUED"))
    ),
];

fn has_code(reply: &Reply, wanted: &str) -> bool {
    code(reply).as_deref() == Some(wanted)
}

fn without_multi(reply: &Reply) -> bool {
    reply.error().is_some_and(|error| error.text.contains("without MULTI"))
}

/// Returns the reply of EXEC for a number of writes.
fn ran(writes: usize) -> Vec<u8> {
    edit::array(&vec![simple("OK"); writes])
}

/// Returns the reply of EXEC after a watched key changed.
pub(super) fn null_array(scene: &Scene<'_>) -> Vec<u8> {
    if scene.resp3() { edit::null(true) } else { b"*-1\r\n".to_vec() }
}
