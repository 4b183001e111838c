//! What replicas, and primaries in READONLY mode, serve that they should not, and where they redirect to.

use wire::command;

use super::common::{code, moved, plausible, served};
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{array, error, integer, null, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "replica-serves-foreign-slots",
        sentence: "A replica in READONLY mode answers reads of any slot from its own data",
        fails: &[
            "readonly/argument-is-refused",
            "readonly/every-slot-of-the-shard-is-served",
            "readonly/replica-redirects-other-shards",
            "replication/replica-redirects-its-old-shard",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            let read = scene.is_replica() && scene.readonly() && is_read(request);
            read.then(|| Instead::Say(plausible(scene, request)))
        }),
    },
    Defect {
        name: "replica-serves-the-outermost-slots",
        sentence: "Replicas in READONLY mode take slots 0 and 16383 for theirs, whoever owns them",
        fails: &["readonly/every-slot-of-the-shard-is-served"],
        lie: Lie::Reply(|scene, request, reply| {
            let outermost = matches!(moved(reply)?.0, 0 | 16_383);
            let read = scene.is_replica() && scene.readonly() && request.is("GET") && !scene.in_transaction();
            (outermost && read).then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "replica-redirects-the-last-slot",
        sentence: "A replica in READONLY mode serves its range without the last slot",
        fails: &["readonly/every-slot-of-the-shard-is-served"],
        lie: Lie::Reply(|scene, request, reply| {
            let read = scene.is_replica() && scene.readonly() && request.is("GET") && !scene.in_transaction();
            let last = matches!(wire::Slot::of(request.word(1)).number(), 5_460 | 10_921 | 16_383);
            (read && last && code(reply).is_none()).then(|| plain(scene, request))
        }),
    },
    Defect {
        name: "replica-passes-writes-on",
        sentence: "A replica in READONLY mode passes writes on to their primary, and gives its answer",
        fails: &["readonly/promoted-replica-serves-in-full", "readonly/writes-are-redirected"],
        lie: Lie::Reply(|scene, request, reply| {
            let write = scene.is_replica() && scene.readonly() && !is_read(request) && !scene.in_transaction();
            write.then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "replica-refuses-writes",
        sentence: "A replica in READONLY mode refuses writes with READONLY rather than MOVED",
        fails: &[
            "readonly/promoted-replica-serves-in-full",
            "readonly/writes-are-redirected",
            "transactions/replica-redirects-writes",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            let write = scene.is_replica() && scene.readonly() && !is_read(request) && !request.is("EXEC");
            write.then(|| Instead::Say(error(READONLY)))
        }),
    },
    Defect {
        name: "replica-takes-getex-for-a-read",
        sentence: "A replica in READONLY mode takes GETEX and GETDEL for reads",
        fails: &["readonly/writes-are-redirected"],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            let mistaken = scene.is_replica() && scene.readonly() && request.is_any(&["GETEX", "GETDEL"]);
            mistaken.then(|| Instead::Ask {
                node: scene.address().to_owned(),
                commands: vec![command!["READONLY"], command!["GET", request.word(1)]],
            })
        }),
    },
    Defect {
        name: "replica-serves-strings-only",
        sentence: "A replica in READONLY mode serves GET, and redirects reads of several keys and of other types",
        fails: &[
            "readonly/crossslot-is-refused",
            "readonly/replica-serves-reads",
            "readonly/writes-are-redirected",
            "replication/writes-reach-every-replica",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let other = request.is_any(&["MGET", "SMEMBERS", "TYPE", "HGETALL", "LRANGE"]) && !scene.in_transaction();
            (scene.is_replica() && scene.readonly() && other && code(reply).is_none()).then(|| plain(scene, request))
        }),
    },
    Defect {
        name: "replica-misses-the-first-read",
        sentence: "What a connection first reads from a replica in READONLY mode is missing, whatever was acknowledged",
        fails: &[
            "readonly/acknowledged-write-is-visible",
            "readonly/flush-is-refused",
            "readonly/minority-is-refused",
            "readonly/promoted-replica-serves-in-full",
            "readonly/replica-serves-reads",
            "readonly/writes-are-redirected",
            "replication/replica-redirects-its-old-shard",
            "replication/wait-does-not-count-a-stopped-replica",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let read = scene.is_replica() && scene.readonly() && request.is("GET") && code(reply).is_none();
            if !read || scene.in_transaction() {
                return None;
            }
            *scene.note("reads") += 1;
            (*scene.note("reads") == 1).then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "replica-does-not-compare-slots",
        sentence: "A replica in READONLY mode does not look whether keys are of one slot",
        fails: &["readonly/crossslot-is-refused"],
        lie: Lie::Reply(|scene, request, reply| {
            let read = scene.is_replica() && scene.readonly() && is_read(request) && code(reply)? == "CROSSSLOT";
            read.then(|| Instead::Say(plausible(scene, request)))
        }),
    },
    Defect {
        name: "replica-redirects-to-itself",
        sentence: "On a connection in READONLY mode the MOVED of a replica names the replica",
        fails: &[
            "readonly/argument-is-refused",
            "readonly/every-slot-of-the-shard-is-served",
            "readonly/promoted-replica-serves-in-full",
            "readonly/replica-redirects-other-shards",
            "readonly/writes-are-redirected",
            "replication/replica-redirects-its-old-shard",
            "transactions/replica-redirects-writes",
        ],
        lie: Lie::Reply(|scene, _, reply| {
            let (slot, _) = moved(reply).filter(|_| scene.is_replica() && scene.readonly())?;
            Some(Instead::Say(error(&format!("MOVED {slot} {}", scene.address()))))
        }),
    },
    Defect {
        name: "replica-redirects-without-a-slot",
        sentence: "Replicas answer STRLEN and TTL with REDIRECT and an address, where MOVED and a slot are due",
        fails: &["readonly/replica-redirects-by-default"],
        lie: Lie::Reply(|scene, request, reply| {
            let (_, address) = moved(reply).filter(|_| scene.is_replica() && !scene.readonly())?;
            if !request.is_any(&["STRLEN", "TTL"]) || scene.in_transaction() {
                return None;
            }
            Some(Instead::Say(error(&format!("REDIRECT {address}"))))
        }),
    },
    Defect {
        name: "replica-redirects-keyless-commands",
        sentence: "A replica without READONLY redirects SCAN, KEYS and RANDOMKEY, which have no key",
        fails: &["readonly/keyless-commands-are-served"],
        lie: Lie::Reply(|scene, request, _| {
            let keyless = request.is_any(&["SCAN", "KEYS", "RANDOMKEY"]) && scene.is_replica() && !scene.readonly();
            keyless.then(|| Instead::Say(error(&format!("MOVED 0 {}", scene.addresses()[0]))))
        }),
    },
    Defect {
        name: "primary-refuses-writes-after-readonly",
        sentence: "A primary takes READONLY at its word and refuses writes on that connection",
        fails: &["readonly/primary-goes-on-as-before"],
        lie: Lie::Reply(|scene, request, reply| {
            let write = scene.readonly() && !scene.is_replica() && request.is_any(&["SET", "DEL"]);
            (write && code(reply).is_none() && !scene.in_transaction()).then(|| Instead::Say(error(READONLY)))
        }),
    },
    Defect {
        name: "primary-serves-foreign-slots-after-readonly",
        sentence: "A primary answers reads of any slot on a connection in READONLY mode",
        fails: &["readonly/primary-goes-on-as-before"],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            let read = scene.readonly() && !scene.is_replica() && is_read(request) && !scene.in_transaction();
            read.then(|| Instead::Say(plausible(scene, request)))
        }),
    },
    Defect {
        name: "primary-redirects-reads-after-readwrite",
        sentence: "After READWRITE a primary redirects reads of its own slots to itself",
        fails: &["readonly/primary-goes-on-as-before"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("READWRITE") {
                *scene.note("readwrite") = 1;
            }
            let read =
                *scene.note("readwrite") > 0 && !scene.is_replica() && request.is("GET") && code(reply).is_none();
            let slot = wire::Slot::of(request.word(1));
            (read && !scene.in_transaction()).then(|| Instead::Say(error(&format!("MOVED {slot} {}", scene.address()))))
        }),
    },
    Defect {
        name: "replica-counts-expired-keys",
        sentence: "A replica knows a key whose time is over until its primary deletes it",
        fails: &["readonly/expired-key-reads-as-missing"],
        lie: Lie::Reply(|scene, request, reply| {
            let expired = scene.readonly() && scene.is_replica() && request.is("TTL") && reply.integer()? == -2;
            expired.then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "replica-serves-while-down",
        sentence: "A replica in READONLY mode serves reads although it is in the minority",
        fails: &["readonly/minority-is-refused"],
        lie: Lie::Reply(|scene, request, reply| {
            let down = scene.readonly() && scene.is_replica() && request.is("GET") && code(reply)? == "CLUSTERDOWN";
            down.then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "replica-takes-flushes",
        sentence: "A replica answers OK to FLUSHALL and FLUSHDB",
        fails: &["readonly/flush-is-refused"],
        lie: Lie::Reply(|_, request, reply| {
            let refused = request.is_any(&["FLUSHALL", "FLUSHDB"]) && code(reply)? == "READONLY";
            refused.then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "promoted-replica-refuses-old-connections",
        sentence: "A replica that was promoted refuses writes on connections from before that are in READONLY mode",
        fails: &["readonly/promoted-replica-serves-in-full"],
        lie: Lie::Reply(|scene, request, reply| {
            let write = scene.readonly() && scene.is_replica() && request.is("SET") && reply.is_ok();
            (write && !scene.in_transaction()).then(|| Instead::Say(error(READONLY)))
        }),
    },
    Defect {
        name: "demoted-primary-runs-its-queues",
        sentence: "A primary that was demoted answers EXEC as if it had run what was queued before",
        fails: &[
            "failover/manual-refuses-queued-transaction",
            "readonly/demoted-primary-redirects",
            "transactions/slot-leaves-before-exec",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let ran = request.is("EXEC") && !scene.is_replica() && moved(reply).is_some();
            ran.then(|| Instead::Say(array(&[simple("OK"), null(scene.resp3())])))
        }),
    },
    Defect {
        name: "no-cluster-support-is-ok",
        sentence: "A server without cluster support answers OK to READONLY and other commands that only a cluster has",
        fails: &["errors/cluster-disabled", "keyslot/without-cluster-support", "readonly/standalone-answer"],
        lie: Lie::Reply(|_, _, reply| {
            reply.error()?.text.contains("cluster support disabled").then(|| Instead::Say(simple("OK")))
        }),
    },
];

const READONLY: &str = "READONLY You can't write against a read only replica.";

/// Commands that read.
const READS: [&str; 13] = [
    "GET", "MGET", "EXISTS", "STRLEN", "TTL", "TYPE", "SMEMBERS", "LRANGE", "HGETALL", "ZRANGE", "XLEN", "XREAD",
    "DUMP",
];

pub(super) fn is_read(request: &Request) -> bool {
    request.is_any(&READS)
}

/// The node's answer on a connection that did not ask for READONLY.
pub(super) fn plain(scene: &Scene<'_>, request: &Request) -> Instead {
    Instead::Ask { node: scene.address().to_owned(), commands: vec![request.command()] }
}

/// The node's answer on a connection in READONLY mode.
pub(super) fn served_here(scene: &Scene<'_>, request: &Request) -> Instead {
    Instead::Ask { node: scene.address().to_owned(), commands: vec![command!["READONLY"], request.command()] }
}
