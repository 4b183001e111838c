//! The source of an open slot answers as if it had keys that it does not have, or redirects wrongly.

use super::common::plausible;
use super::open_slot::{ask, at_source, is, open_slot, try_again};
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{array, error, integer, null, simple, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "missing-key-of-an-open-slot-reads-as-null",
        "The source of an open slot answers GET of a key that has moved with null",
        &["ask/source-redirects-missing-keys"],
        |scene, request, reply| {
            (request.is("GET") && is(reply, "ASK")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "missing-key-of-an-open-slot-does-not-exist",
        "The source of an open slot answers EXISTS of a key that has moved with 0",
        &["ask/source-redirects-missing-keys"],
        |_, request, reply| {
            (request.is_any(&["EXISTS", "TYPE"]) && is(reply, "ASK")).then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "missing-key-of-an-open-slot-is-deleted",
        "The source of an open slot answers UNLINK of a key that has moved with 0",
        &["ask/source-redirects-missing-keys"],
        |_, request, reply| (request.is("UNLINK") && is(reply, "ASK")).then(|| Replacement::Answer(integer(0))),
    ),
    on_reply(
        "write-to-an-open-slot-is-lost",
        "The source of an open slot answers SET of a missing key with OK and drops the write",
        &["ask/source-redirects-missing-keys"],
        |scene, request, reply| {
            let writes = request.is("SET") && is(reply, "ASK") && !scene.in_transaction();
            writes.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "write-to-an-open-slot-is-kept-by-the-source",
        "The source of an open slot redirects reads of missing keys, but lets LPUSH create them",
        &["ask/source-redirects-missing-keys"],
        |_, request, reply| (request.is("LPUSH") && is(reply, "ASK")).then(|| Replacement::Answer(integer(1))),
    ),
    on_reply(
        "open-slot-is-redirected-for-good",
        "The source of an open slot answers MOVED where it should answer ASK",
        &["ask/source-redirects-missing-keys"],
        |_, _, reply| {
            let (slot, address) = ask(reply)?;
            Some(Replacement::Answer(error(&format!("MOVED {slot} {address}"))))
        },
    ),
    on_reply(
        "ask-names-the-node-itself",
        "ASK names the source instead of the target",
        &["ask/source-redirects-missing-keys"],
        |scene, _, reply| {
            let (slot, _) = ask(reply)?;
            Some(Replacement::Answer(error(&format!("ASK {slot} {}", scene.address()))))
        },
    ),
    on_reply(
        "ask-names-the-next-slot",
        "ASK names a slot that is too great by one",
        &["ask/source-redirects-missing-keys"],
        |_, _, reply| {
            let (slot, address) = ask(reply)?;
            Some(Replacement::Answer(error(&format!("ASK {} {address}", slot + 1))))
        },
    ),
    on_reply(
        "ask-has-no-port",
        "ASK names the host of the target without its port",
        &["ask/source-redirects-missing-keys"],
        |_, _, reply| {
            let (slot, address) = ask(reply)?;
            let host = address.rsplit_once(':')?.0;
            Some(Replacement::Answer(error(&format!("ASK {slot} {host}"))))
        },
    ),
    on_reply(
        "ask-is-unknown-in-resp3",
        "In RESP3 the source of an open slot answers null instead of ASK",
        &["ask/source-redirects-missing-keys-in-resp3"],
        |scene, _, reply| (scene.resp3() && is(reply, "ASK")).then(|| Replacement::Answer(null(true))),
    ),
    on_reply(
        "present-key-is-redirected-on-write",
        "The source of an open slot answers ASK to a write of a key that it still has",
        &["ask/source-serves-present-keys"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            (request.is_any(&["APPEND", "SETRANGE"]) && reply.error().is_none()).then(|| open.ask(scene)).flatten()
        },
    ),
    on_reply(
        "present-list-is-redirected",
        "The source of an open slot answers ASK to LRANGE and LLEN of a list that it still has",
        &["ask/source-serves-present-keys"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            (request.is_any(&["LRANGE", "LLEN"]) && reply.error().is_none()).then(|| open.ask(scene)).flatten()
        },
    ),
    on_reply(
        "wrong-type-in-an-open-slot-is-redirected",
        "The source of an open slot answers ASK instead of WRONGTYPE",
        &["ask/wrong-type-of-present-key"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            is(reply, "WRONGTYPE").then(|| open.ask(scene)).flatten()
        },
    ),
    on_reply(
        "several-keys-of-an-open-slot-are-refused",
        "The source of an open slot answers TRYAGAIN to every command with several keys",
        &["ask/source-has-all-keys"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            let several = open.keys_in(request) > 1 && request.is_any(&["MGET", "MSET", "EXISTS", "DEL"]);
            (several && reply.error().is_none() && !scene.in_transaction()).then(try_again)
        },
    ),
    on_reply(
        "rename-in-an-open-slot-is-refused",
        "The source of an open slot answers TRYAGAIN to RENAME although it has both keys",
        &["ask/source-has-all-keys"],
        |scene, request, reply| {
            at_source(scene, request)?;
            (request.is("RENAME") && reply.error().is_none()).then(try_again)
        },
    ),
    on_reply(
        "absent-keys-of-an-open-slot-try-again",
        "The source of an open slot answers TRYAGAIN instead of ASK to a command of whose keys it has none",
        &["ask/source-has-no-key"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            (open.keys_in(request) > 1 && is(reply, "ASK")).then(try_again)
        },
    ),
    on_reply(
        "absent-keys-of-an-open-slot-are-set",
        "The source of an open slot answers MSETNX with 0 although none of the keys is there",
        &["ask/source-has-no-key"],
        |_, request, reply| (request.is("MSETNX") && is(reply, "ASK")).then(|| Replacement::Answer(integer(0))),
    ),
    on_reply(
        "some-keys-of-an-open-slot-are-redirected",
        "The source of an open slot answers ASK to a command of whose keys it has some",
        &["ask/source-has-some-keys"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            is(reply, "TRYAGAIN").then(|| open.ask(scene)).flatten()
        },
    ),
    on_reply(
        "some-keys-of-an-open-slot-are-read",
        "The source of an open slot answers MGET with null for each key that has moved",
        &["ask/source-has-some-keys"],
        |scene, request, reply| {
            at_source(scene, request)?;
            (request.is("MGET") && is(reply, "TRYAGAIN")).then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_reply(
        "some-keys-of-an-open-slot-are-written",
        "The source of an open slot answers MSET with OK although one of the keys has moved",
        &["ask/source-has-some-keys"],
        |scene, request, reply| {
            at_source(scene, request)?;
            (request.is("MSET") && is(reply, "TRYAGAIN")).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "some-keys-of-an-open-slot-are-stored",
        "The source of an open slot runs SORT with STORE although the destination has moved",
        &["ask/source-has-some-keys"],
        |_, request, reply| (request.is("SORT") && is(reply, "TRYAGAIN")).then(|| Replacement::Answer(integer(2))),
    ),
    on_reply(
        "expired-key-of-an-open-slot-is-null",
        "The source of an open slot answers null for a key that has expired there",
        &["ask/expired-key-is-missing"],
        |scene, request, reply| {
            if request.is("SET") && request.has("PX") {
                scene.share("volatile", key(request));
            }
            let expired = request.is("GET") && is(reply, "ASK") && scene.shared("volatile") == key(request);
            expired.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "dbsize-is-refused-while-a-slot-is-open",
        "A node with an open slot answers TRYAGAIN to DBSIZE",
        &["ask/commands-without-keys"],
        |scene, request, _| {
            open_slot(scene, request)?;
            request.is("DBSIZE").then(try_again)
        },
    ),
    on_reply(
        "script-without-keys-is-refused-while-a-slot-is-open",
        "The target of an open slot redirects a script without keys to the source",
        &["ask/commands-without-keys"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let is_keyless = request.is("EVAL") && request.word(2) == b"0" && reply.error().is_none();
            (is_keyless && scene.node() == open.target).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "pop-from-an-open-slot-gives-up",
        "The source of an open slot answers BLPOP for a missing key with null instead of ASK",
        &["ask/source-does-not-block"],
        |scene, request, reply| {
            (request.is("BLPOP") && is(reply, "ASK")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "stream-read-from-an-open-slot-gives-up",
        "The source of an open slot answers XREAD BLOCK for a missing key with null instead of ASK",
        &["ask/source-does-not-block"],
        |scene, request, reply| {
            (request.is("XREAD") && is(reply, "ASK")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "script-on-an-open-slot-reads-null",
        "The source of an open slot runs a script whose key it does not have",
        &["ask/eval-follows-the-same-rules"],
        |scene, request, reply| {
            (request.is("EVAL") && is(reply, "ASK")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "script-on-some-keys-of-an-open-slot-runs",
        "The source and the target of an open slot run a script although they lack one of its keys",
        &["ask/eval-follows-the-same-rules"],
        |scene, request, reply| {
            let runs = request.is("EVAL") && is(reply, "TRYAGAIN");
            runs.then(|| Replacement::Answer(array(&[null(scene.resp3()), null(scene.resp3())])))
        },
    ),
    on_reply(
        "unknown-script-of-a-missing-key-comes-first",
        "EVALSHA of an unknown script is answered with NOSCRIPT instead of ASK",
        &["ask/eval-follows-the-same-rules"],
        |_, request, reply| {
            (request.is("EVALSHA") && is(reply, "ASK"))
                .then(|| Replacement::Answer(error("NOSCRIPT No matching script.")))
        },
    ),
    on_reply(
        "keys-of-two-slots-are-asked-for",
        "The source of an open slot answers ASK instead of CROSSSLOT if the first key has moved",
        &["ask/other-errors-come-first"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            is(reply, "CROSSSLOT").then(|| open.ask(scene)).flatten()
        },
    ),
    on_reply(
        "keys-of-two-slots-try-again",
        "The target of an open slot answers TRYAGAIN instead of CROSSSLOT after ASKING",
        &["ask/other-errors-come-first"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            (scene.asking() && scene.node() == open.target && is(reply, "CROSSSLOT")).then(try_again)
        },
    ),
    on_reply(
        "missing-key-of-an-open-slot-is-queued",
        "The source of an open slot queues a command for a missing key, and then refuses EXEC",
        &["ask/transaction-with-missing-key"],
        |scene, _, reply| (scene.in_transaction() && is(reply, "ASK")).then(|| Replacement::Answer(simple("QUEUED"))),
    ),
    on_reply(
        "missing-keys-of-a-transaction-are-null",
        "EXEC answers with nulls although the keys of the transaction have moved",
        &["ask/transaction-with-missing-key"],
        |scene, request, reply| {
            let refused = is(reply, "EXECABORT") || is(reply, "ASK");
            (request.is("EXEC") && refused).then(|| Replacement::Answer(array(&[null(scene.resp3())])))
        },
    ),
    on_reply(
        "transaction-over-some-keys-runs",
        "The source of an open slot runs the part of a transaction whose keys it has",
        &["ask/transaction-with-some-keys"],
        |_, request, reply| {
            let refused = is(reply, "EXECABORT") || is(reply, "TRYAGAIN");
            (request.is("EXEC") && refused).then(|| Replacement::Answer(array(&[simple("OK")])))
        },
    ),
    on_reply(
        "ask-changes-the-slot-map",
        "After a node has answered ASK, its CLUSTER SLOTS names another owner",
        &["ask/redirect-changes-no-owner"],
        |scene, request, reply| {
            if is(reply, "ASK") {
                scene.share("asked", i64::try_from(scene.node()).ok()? + 1);
            }
            let has_asked = scene.shared("asked") == i64::try_from(scene.node()).ok()? + 1;
            if !request.is("CLUSTER SLOTS") || !has_asked {
                return None;
            }
            let turned = tree(reply.bytes(), |tree| {
                let entries = tree.items_mut()?;
                let first = entries.first()?.items()?.get(2)?.clone();
                let last = entries.last()?.items()?.get(2)?.clone();
                for (entry, owner) in [(0, last), (entries.len() - 1, first)] {
                    *entries.get_mut(entry)?.items_mut()?.get_mut(2)? = owner;
                }
                Some(())
            });
            turned.map(Replacement::Answer)
        },
    ),
];

/// A number for the key of a request.
fn key(request: &crate::request::Request) -> i64 {
    request.word(1).iter().fold(7, |sum, byte| (sum * 31 + i64::from(*byte)) % 1_000_000_007)
}
