//! A replica, or a primary in READONLY mode, serves what it should redirect, or redirects wrongly.

use wire::command;

use super::common::{code, moved, plausible, served};
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{array, error, integer, null, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "replica-serves-foreign-slots",
        "A replica in READONLY mode answers reads of any slot from its own data",
        &["readonly/every-slot-of-the-shard-is-served"],
        |scene, request, reply| {
            moved(reply)?;
            let read = scene.is_replica() && scene.readonly() && is_read(request);
            read.then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_reply(
        "replica-serves-the-outermost-slots",
        "A replica in READONLY mode serves slots 0 and 16383, whoever owns them",
        &["readonly/every-slot-of-the-shard-is-served"],
        |scene, request, reply| {
            let outermost = matches!(moved(reply)?.0, 0 | 16_383);
            let read = scene.is_replica() && scene.readonly() && request.is("GET") && !scene.in_transaction();
            (outermost && read).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "replica-redirects-the-last-slot",
        "A replica in READONLY mode redirects the last slot of its range",
        &["readonly/every-slot-of-the-shard-is-served"],
        |scene, request, reply| {
            let read = scene.is_replica() && scene.readonly() && request.is("GET") && !scene.in_transaction();
            let last = matches!(wire::Slot::of(request.word(1)).number(), 5_460 | 10_921 | 16_383);
            (read && last && code(reply).is_none()).then(|| plain(scene, request))
        },
    ),
    on_reply(
        "replica-passes-writes-on",
        "A replica in READONLY mode forwards writes to its primary and returns the reply",
        &["readonly/promoted-replica-serves-in-full", "readonly/writes-are-redirected"],
        |scene, request, reply| {
            let write = scene.is_replica() && scene.readonly() && !is_read(request) && !scene.in_transaction();
            write.then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "replica-refuses-writes",
        "A replica in READONLY mode refuses writes with READONLY rather than MOVED",
        &["readonly/writes-are-redirected", "transactions/replica-redirects-writes"],
        |scene, request, reply| {
            moved(reply)?;
            let write = scene.is_replica() && scene.readonly() && !is_read(request) && !request.is("EXEC");
            write.then(|| Replacement::Answer(error(READONLY)))
        },
    ),
    on_reply(
        "replica-takes-getex-for-a-read",
        "A replica in READONLY mode treats GETEX and GETDEL as reads",
        &["readonly/writes-are-redirected"],
        |scene, request, reply| {
            moved(reply)?;
            let mistaken = scene.is_replica() && scene.readonly() && request.is_any(&["GETEX", "GETDEL"]);
            mistaken.then(|| Replacement::Ask {
                node: scene.address().to_owned(),
                commands: vec![command!["READONLY"], command!["GET", request.word(1)]],
            })
        },
    ),
    on_reply(
        "replica-serves-strings-only",
        "A replica in READONLY mode serves GET, but redirects reads of several keys and of other types",
        &["readonly/replica-serves-reads"],
        |scene, request, reply| {
            let other = request.is_any(&["MGET", "SMEMBERS", "TYPE", "HGETALL", "LRANGE"]) && !scene.in_transaction();
            (scene.is_replica() && scene.readonly() && other && code(reply).is_none()).then(|| plain(scene, request))
        },
    ),
    on_reply(
        "replica-misses-the-first-read",
        "A replica in READONLY mode answers the first read of a connection as if the key were missing",
        &["readonly/replica-serves-reads"],
        |scene, request, reply| {
            let read = scene.is_replica() && scene.readonly() && request.is("GET") && code(reply).is_none();
            if !read || scene.in_transaction() {
                return None;
            }
            *scene.note("reads") += 1;
            (*scene.note("reads") == 1).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "replica-does-not-compare-slots",
        "A replica in READONLY mode ignores the slots of keys",
        &["readonly/crossslot-is-refused"],
        |scene, request, reply| {
            let read = scene.is_replica() && scene.readonly() && is_read(request) && code(reply)? == "CROSSSLOT";
            read.then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_reply(
        "replica-redirects-to-itself",
        "MOVED of a replica names the replica on a connection in READONLY mode",
        &["readonly/replica-redirects-other-shards"],
        |scene, _, reply| {
            let (slot, _) = moved(reply).filter(|_| scene.is_replica() && scene.readonly())?;
            Some(Replacement::Answer(error(&format!("MOVED {slot} {}", scene.address()))))
        },
    ),
    on_reply(
        "replica-redirects-without-a-slot",
        "A replica answers STRLEN and TTL with REDIRECT and an address instead of MOVED",
        &["readonly/replica-redirects-by-default"],
        |scene, request, reply| {
            let (_, address) = moved(reply).filter(|_| scene.is_replica() && !scene.readonly())?;
            if !request.is_any(&["STRLEN", "TTL"]) || scene.in_transaction() {
                return None;
            }
            Some(Replacement::Answer(error(&format!("REDIRECT {address}"))))
        },
    ),
    on_reply(
        "replica-redirects-keyless-commands",
        "A replica without READONLY redirects SCAN, KEYS and RANDOMKEY, which have no key",
        &["readonly/keyless-commands-are-served"],
        |scene, request, _| {
            let keyless = request.is_any(&["SCAN", "KEYS", "RANDOMKEY"]) && scene.is_replica() && !scene.readonly();
            keyless.then(|| Replacement::Answer(error(&format!("MOVED 0 {}", scene.addresses()[0]))))
        },
    ),
    on_reply(
        "primary-refuses-writes-after-readonly",
        "A primary refuses writes on a connection in READONLY mode",
        &["readonly/primary-goes-on-as-before"],
        |scene, request, reply| {
            let write = scene.readonly() && !scene.is_replica() && request.is_any(&["SET", "DEL"]);
            (write && code(reply).is_none() && !scene.in_transaction()).then(|| Replacement::Answer(error(READONLY)))
        },
    ),
    on_reply(
        "primary-serves-foreign-slots-after-readonly",
        "A primary answers reads of any slot on a connection in READONLY mode",
        &["readonly/primary-goes-on-as-before"],
        |scene, request, reply| {
            moved(reply)?;
            let read = scene.readonly() && !scene.is_replica() && is_read(request) && !scene.in_transaction();
            read.then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_reply(
        "primary-redirects-reads-after-readwrite",
        "A primary redirects reads of its own slots to itself after READWRITE",
        &["readonly/primary-goes-on-as-before"],
        |scene, request, reply| {
            if request.is("READWRITE") {
                *scene.note("readwrite") = 1;
            }
            let read =
                *scene.note("readwrite") > 0 && !scene.is_replica() && request.is("GET") && code(reply).is_none();
            let slot = wire::Slot::of(request.word(1));
            (read && !scene.in_transaction())
                .then(|| Replacement::Answer(error(&format!("MOVED {slot} {}", scene.address()))))
        },
    ),
    on_reply(
        "replica-counts-expired-keys",
        "A replica returns an expired key until its primary deletes it",
        &["readonly/expired-key-reads-as-missing"],
        |scene, request, reply| {
            let expired = scene.readonly() && scene.is_replica() && request.is("TTL") && reply.integer()? == -2;
            expired.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "replica-serves-while-down",
        "A replica in READONLY mode serves reads while it is in the minority",
        &["readonly/minority-is-refused"],
        |scene, request, reply| {
            let down = scene.readonly() && scene.is_replica() && request.is("GET") && code(reply)? == "CLUSTERDOWN";
            down.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "replica-takes-flushes",
        "A replica answers OK to FLUSHALL and FLUSHDB",
        &["readonly/flush-is-refused"],
        |_, request, reply| {
            let refused = request.is_any(&["FLUSHALL", "FLUSHDB"]) && code(reply)? == "READONLY";
            refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "promoted-replica-refuses-old-connections",
        "A promoted replica refuses writes on older connections in READONLY mode",
        &["readonly/promoted-replica-serves-in-full"],
        |scene, request, reply| {
            let write = scene.readonly() && scene.is_replica() && request.is("SET") && reply.is_ok();
            (write && !scene.in_transaction()).then(|| Replacement::Answer(error(READONLY)))
        },
    ),
    on_reply(
        "demoted-primary-runs-its-queues",
        "A demoted primary answers EXEC as if it had run the queued commands",
        &["failover/manual-refuses-queued-transaction", "readonly/demoted-primary-redirects"],
        |scene, request, reply| {
            let ran = request.is("EXEC") && !scene.is_replica() && moved(reply).is_some();
            ran.then(|| Replacement::Answer(array(&[simple("OK"), null(scene.resp3())])))
        },
    ),
    on_reply(
        "no-cluster-support-is-ok",
        "A server without cluster support answers OK to READONLY and other cluster commands",
        &["errors/cluster-disabled"],
        |_, _, reply| {
            reply.error()?.text.contains("cluster support disabled").then(|| Replacement::Answer(simple("OK")))
        },
    ),
];

const READONLY: &str = "READONLY You can't write against a read only replica.";

/// The commands that read.
const READS: [&str; 13] = [
    "GET", "MGET", "EXISTS", "STRLEN", "TTL", "TYPE", "SMEMBERS", "LRANGE", "HGETALL", "ZRANGE", "XLEN", "XREAD",
    "DUMP",
];

pub(super) fn is_read(request: &Request) -> bool {
    request.is_any(&READS)
}

/// Replaces a reply on a connection without READONLY.
pub(super) fn plain(scene: &Scene<'_>, request: &Request) -> Replacement {
    Replacement::Ask { node: scene.address().to_owned(), commands: vec![request.command()] }
}

/// Replaces a reply on a connection in READONLY mode.
pub(super) fn served_here(scene: &Scene<'_>, request: &Request) -> Replacement {
    Replacement::Ask { node: scene.address().to_owned(), commands: vec![command!["READONLY"], request.command()] }
}
