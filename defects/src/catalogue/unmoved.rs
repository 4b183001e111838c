//! MOVED is missing where it must be, comes where it must not, or too early, or does more than to redirect.

use wire::{Reply, Slot};

use super::common::{code, moved, served};
use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;
use crate::request::Request;
use crate::scene::Scene;

/// A family of commands that are passed on to the owner in place of a redirect.
macro_rules! passed_on {
    ($name:literal, $sentence:literal, $commands:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|scene, request, reply| {
                (request.is_any($commands) && !scene.in_transaction()).then(|| served(request, reply)).flatten()
            }),
        }
    };
}

/// A redirect of what an error of its own must refuse, or of what has no key.
macro_rules! redirected {
    ($name:literal, $sentence:literal, $fails:expr, $key:literal, $where:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|scene, request, reply| {
                let meant: fn(&Scene<'_>, &Request, &Reply) -> bool = $where;
                (meant(scene, request, reply) && request.words().len() > $key)
                    .then(|| to_next(scene, request.word($key)))
            }),
        }
    };
}

/// What a setting does to the redirects of the node, while it is set.
macro_rules! while_set {
    ($name:literal, $sentence:literal, $fails:expr, $setting:literal, $value:literal, $commands:expr, $error:literal) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|scene, request, reply| {
                if request.is(concat!("CONFIG SET ", $setting)) {
                    let node = i64::try_from(scene.node()).ok()? + 1;
                    scene.share("node", if request.word(3) == $value { node } else { 0 });
                }
                let is_here = scene.shared("node") == i64::try_from(scene.node()).ok()? + 1;
                (is_here && request.is_any($commands) && moved(reply).is_some()).then(|| Instead::Say(error($error)))
            }),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    passed_on!(
        "lists-are-passed-on",
        "Commands on lists are passed on to the owner, not redirected",
        &["LPUSH", "RPUSH", "LPOP", "LLEN"],
        &[
            "moved/before-wrongtype",
            "moved/before-wrongtype-on-a-replica",
            "moved/every-declared-command",
            "moved/not-executed",
            "moved/redirects-lpush",
            "readonly/writes-are-redirected"
        ]
    ),
    passed_on!(
        "object-is-passed-on",
        "OBJECT is passed on to the owner, as if it had no key",
        &["OBJECT"],
        &[
            "errors/case-does-not-matter",
            "moved/every-declared-command",
            "moved/redirects-object-encoding",
            "moved/redirects-object-freq",
            "moved/redirects-object-idletime",
            "moved/redirects-object-refcount"
        ]
    ),
    passed_on!(
        "consumer-groups-are-passed-on",
        "XGROUP is passed on to the owner, not redirected",
        &["XGROUP"],
        &[
            "moved/every-declared-command",
            "moved/redirects-xgroup-create",
            "moved/redirects-xgroup-destroy",
            "moved/redirects-xgroup-setid",
            "readonly/writes-are-redirected"
        ]
    ),
    passed_on!(
        "scripts-that-only-read-are-passed-on",
        "EVAL, EVAL_RO and FCALL_RO are passed on to the owner, not redirected",
        &["EVAL", "EVAL_RO", "FCALL_RO"],
        &["moved/every-declared-command", "moved/not-executed", "moved/redirects-eval", "moved/redirects-eval-ro"]
    ),
    passed_on!(
        "keys-after-a-count-are-not-found",
        "Commands whose keys follow their number are passed on, as if they had no key",
        &["ZUNION", "SINTERCARD", "LMPOP", "BZMPOP"],
        &[
            "moved/every-declared-command",
            "moved/redirects-bzmpop",
            "moved/redirects-lmpop",
            "moved/redirects-sintercard",
            "moved/redirects-zunion"
        ]
    ),
    passed_on!(
        "several-keys-are-gathered",
        "MGET, MSET and DEL of several keys are gathered from the owner, not redirected",
        &["MGET", "MSET", "SUNIONSTORE", "RENAME"],
        &[
            "moved/every-declared-command",
            "moved/not-executed",
            "moved/redirects-mget-of-one-slot",
            "moved/redirects-mset-of-one-slot",
            "moved/redirects-rename-in-one-slot",
            "moved/redirects-sunionstore-in-one-slot",
            "readonly/writes-are-redirected"
        ]
    ),
    Defect {
        name: "del-of-two-keys-is-passed-on",
        sentence: "DEL of more than one key is passed on to the owner, not redirected",
        fails: &["moved/redirects-del-of-one-slot"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("DEL") && request.words().len() > 2).then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "del-of-one-key-is-passed-on",
        sentence: "DEL of one key is passed on to the owner, not redirected",
        fails: &[
            "moved/every-declared-command",
            "moved/not-executed",
            "moved/redirects-del",
            "readonly/writes-are-redirected",
        ],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("DEL") && request.words().len() == 2).then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "writes-are-passed-on",
        sentence: "SET without READONLY outside of transactions is passed on to the owner, not redirected",
        fails: &[
            "moved/connection-stays-open",
            "moved/every-declared-command",
            "moved/not-executed",
            "moved/pipeline-order",
            "moved/redirects-set",
            "moved/three-fields",
            "readonly/replica-redirects-by-default",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let is_plain = request.is("SET") && !scene.in_transaction() && !scene.readonly();
            is_plain.then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "reads-are-passed-on-the-second-time",
        sentence: "The second GET of a connection that would be redirected is passed on to the owner",
        fails: &[
            "errors/known-first-word",
            "moved/one-hop-from-every-node",
            "moved/pipeline-order",
            "moved/three-fields",
            "readonly/commands-may-be-repeated",
            "readonly/every-slot-of-the-shard-is-served",
            "readonly/mode-belongs-to-the-connection",
            "readonly/primary-goes-on-as-before",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            if !request.is("GET") || moved(reply).is_none() {
                return None;
            }
            *scene.note("redirects") += 1;
            (*scene.note("redirects") == 2).then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "inline-commands-are-passed-on",
        sentence: "Inline commands are not redirected but passed on to the owner",
        fails: &["moved/inline-command"],
        lie: Lie::Reply(|_, request, reply| {
            (!request.bytes().starts_with(b"*")).then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "connection-closes-after-moved",
        sentence: "After a redirected GET the connection closes when it is sent a write",
        fails: &[
            "errors/case-does-not-matter",
            "errors/known-first-word",
            "errors/routing-before-subscribe-mode",
            "moved/connection-stays-open",
            "moved/inline-command",
            "moved/one-hop-from-every-node",
            "moved/pipeline-order",
            "moved/redirects-get",
            "moved/three-fields",
            "readonly/argument-is-refused",
            "readonly/commands-may-be-repeated",
            "readonly/mode-belongs-to-the-connection",
            "readonly/primary-goes-on-as-before",
            "readonly/readwrite-ends-the-mode",
            "readonly/replica-redirects-by-default",
            "readonly/replica-redirects-other-shards",
            "redirect/moved-from-non-owner",
            "transactions/aborts-after-moved",
            "transactions/discard-clears-after-a-redirect",
            "transactions/failed-exec-ends-the-transaction",
            "transactions/remote-key-is-moved",
            "transactions/replica-redirects-by-default",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            if *scene.note("redirected") > 0 && request.is_any(&["SET", "INCR"]) {
                return Some(Instead::HangUp);
            }
            *scene.note("redirected") += i64::from(request.is("GET") && moved(reply).is_some());
            None
        }),
    },
    Defect {
        name: "redirected-writes-run-as-well",
        sentence: "INCR, APPEND and SADD are redirected, but run on the owner as well",
        fails: &["moved/every-declared-command", "moved/not-executed", "readonly/writes-are-redirected"],
        lie: Lie::Reply(|_, request, reply| {
            let (_, node) = moved(reply)?;
            let say = reply.bytes().to_vec();
            let commands = vec![request.command()];
            request.is_any(&["INCR", "APPEND", "SADD"]).then_some(Instead::SayAndAsk { say, node, commands })
        }),
    },
    Defect {
        name: "redirects-are-stale-after-a-reshard",
        sentence: "A node that was not told itself that a slot moved goes on naming another node than the new owner",
        fails: &["moved/fresh-after-reshard"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("CLUSTER SETSLOT") && request.word(4) == b"NODE" {
                scene.share("slot", std::str::from_utf8(request.word(2)).ok()?.parse::<i64>().ok()? + 1);
                scene.share(TOLD.get(scene.node())?, 1);
            }
            let (slot, to) = moved(reply)?;
            let is_stale = i64::from(slot) + 1 == scene.shared("slot") && scene.shared(TOLD.get(scene.node())?) == 0;
            let old = scene.addresses().iter().find(|other| **other != to && *other != scene.address())?;
            is_stale.then(|| Instead::Say(error(&format!("MOVED {slot} {old}"))))
        }),
    },
    while_set!(
        "oom-before-moved",
        "A node that is out of memory refuses writes before it redirects them",
        &["moved/before-oom-and-noreplicas"],
        "maxmemory",
        b"1",
        &["SET"],
        "OOM command not allowed when used memory > 'maxmemory'."
    ),
    while_set!(
        "noreplicas-before-moved",
        "A node without enough replicas refuses writes before it redirects them",
        &["moved/before-oom-and-noreplicas"],
        "min-replicas-to-write",
        b"99",
        &["SET"],
        "NOREPLICAS Not enough good replicas to write."
    ),
    while_set!(
        "misconf-before-moved",
        "A node whose snapshots fail refuses writes before it redirects them",
        &["moved/before-misconf"],
        "dbfilename",
        b".",
        &["SET"],
        "MISCONF Errors writing to the disk."
    ),
    redirected!(
        "moved-before-permissions",
        "SET is redirected before the user's permissions are looked at",
        &["moved/after-permissions"],
        1,
        |_, request, reply| request.is("SET") && code(reply).as_deref() == Some("NOPERM")
    ),
    redirected!(
        "moved-before-authentication",
        "SET is redirected before the client has said who it is",
        &["moved/after-authentication"],
        1,
        |_, request, reply| request.is("SET") && code(reply).as_deref() == Some("NOAUTH")
    ),
    redirected!(
        "moved-before-arity",
        "GET and SET with a wrong number of arguments are redirected",
        &["moved/after-a-missing-argument", "moved/after-an-extra-argument"],
        1,
        |_, request, reply| request.is_any(&["GET", "SET"]) && says(reply, "wrong number of arguments")
    ),
    redirected!(
        "moved-for-unknown-commands",
        "An unknown command is redirected by its first argument",
        &["moved/after-an-unknown-command"],
        1,
        |_, request, reply| !request.is("CLUSTER") && says(reply, "unknown command")
    ),
    redirected!(
        "moved-for-unknown-subcommands",
        "An unknown subcommand of CLUSTER is redirected by its argument",
        &["failover/failover-refuses-unknown-option", "moved/after-an-unknown-subcommand"],
        2,
        |_, request, reply| request.is("CLUSTER") && says(reply, "unknown subcommand")
    ),
    redirected!(
        "slots-before-arity-of-rename",
        "RENAME with an argument too many is redirected by its first key",
        &["moved/after-arity-with-keys-of-two-slots"],
        1,
        |_, request, reply| request.is("RENAME") && says(reply, "wrong number of arguments")
    ),
    redirected!(
        "key-behind-store-is-not-found",
        "SORT, GEORADIUS and ZUNIONSTORE do not look at the key that stands behind a word or a number",
        &[
            "crossslot/every-declared-command",
            "crossslot/every-declared-command-over-two-nodes",
            "crossslot/georadius-store",
            "crossslot/georadius-storedist",
            "crossslot/no-effect",
            "crossslot/sort-options-store",
            "crossslot/sort-store",
            "crossslot/zunionstore",
            "crossslot/zunionstore-destination",
            "moved/finds-the-key-behind-georadius-store",
            "moved/finds-the-key-behind-sort-store",
            "moved/finds-the-key-behind-zunionstore-numkeys"
        ],
        1,
        |_, request, reply| {
            request.is_any(&["SORT", "GEORADIUS", "ZUNIONSTORE"]) && code(reply).as_deref() == Some("CROSSSLOT")
        }
    ),
    redirected!(
        "echo-and-publish-are-redirected",
        "ECHO and PUBLISH are redirected by their first argument, as if it were a key",
        &["moved/answers-echo-everywhere", "moved/answers-publish-everywhere"],
        1,
        |_, request, _| request.is_any(&["ECHO", "PUBLISH"]) && request.word(1).starts_with(b"{")
    ),
    redirected!(
        "cluster-keyslot-is-redirected",
        "A replica redirects CLUSTER KEYSLOT by its argument, as if it were a key",
        &[
            "errors/case-does-not-matter",
            "keyslot/agrees-with-our-own-slots",
            "keyslot/leaves-no-key",
            "moved/answers-cluster-keyslot-everywhere",
            "slots/case-matters",
            "slots/ends-of-the-range",
            "slots/evenly-filled",
            "slots/routing-agrees",
            "slots/tag-anywhere",
            "slots/tag-equals-its-content",
            "slots/tag-from-the-first-opening-brace",
            "slots/tag-is-what-is-hashed",
            "slots/tag-never-closed",
            "slots/tag-of-a-brace",
            "slots/tag-of-any-bytes",
            "slots/tag-of-nothing",
            "slots/tag-to-the-first-closing-brace",
            "slots/tag-without-escapes",
            "slots/utf8-keys",
            "transactions/connection-commands-queue"
        ],
        2,
        |scene, request, _| {
            let is_tagged = request.word(2).starts_with(b"{") && request.word(2).ends_with(b":key");
            (3..6).contains(&scene.node()) && request.is("CLUSTER KEYSLOT") && is_tagged
        }
    ),
    redirected!(
        "eval-without-keys-is-redirected",
        "EVAL without keys is redirected by its first argument",
        &["moved/answers-eval-without-keys-everywhere"],
        3,
        |_, request, _| request.is("EVAL") && request.word(2) == b"0" && request.word(3).starts_with(b"{")
    ),
    redirected!(
        "commands-about-the-server-are-redirected",
        "CONFIG GET maxmemory, INFO server and SCRIPT LOAD are redirected by their last word",
        &[
            "moved/answers-config-get-everywhere",
            "moved/answers-info-everywhere",
            "moved/answers-script-load-everywhere",
            "readonly/keyless-commands-are-served"
        ],
        1,
        |_, request, _| request.is_any(&["CONFIG GET maxmemory", "INFO server", "SCRIPT LOAD"])
            && request.words().len() < 4
    ),
    redirected!(
        "commands-without-arguments-are-redirected",
        "A replica redirects DBSIZE and TIME, as if their names were keys",
        &[
            "consistency/redirects-and-slots",
            "failover/failover-refuses-unknown-option",
            "moved/answers-dbsize-everywhere",
            "moved/answers-ping-everywhere",
            "moved/answers-time-everywhere",
            "moved/before-wrongtype-on-a-replica",
            "moved/one-hop-from-every-node",
            "readonly/argument-is-refused",
            "readonly/client-list-shows-the-mode",
            "readonly/commands-may-be-repeated",
            "readonly/crossslot-is-refused",
            "readonly/every-slot-of-the-shard-is-served",
            "readonly/keyless-commands-are-served",
            "readonly/mode-belongs-to-the-connection",
            "readonly/readwrite-ends-the-mode",
            "readonly/replica-redirects-by-default",
            "readonly/replica-redirects-other-shards",
            "readonly/reset-ends-the-mode",
            "readonly/writes-are-redirected",
            "replication/wait-is-for-primaries",
            "transactions/empty-exec-is-an-empty-array",
            "transactions/replica-redirects-by-default",
            "transactions/replica-redirects-writes",
            "transactions/replica-runs-reads"
        ],
        0,
        |scene, request, _| {
            (3..6).contains(&scene.node()) && request.is_any(&["DBSIZE", "TIME"]) && !scene.in_transaction()
        }
    ),
    Defect {
        name: "first-ping-is-redirected",
        sentence: "A replica redirects PING where it is the first command of a connection",
        fails: &["moved/answers-ping-everywhere"],
        lie: Lie::Reply(|scene, request, _| {
            *scene.note("heard") += 1;
            let is_first = *scene.note("heard") == 1 && (3..6).contains(&scene.node());
            (is_first && request.is("PING")).then(|| to_next(scene, request.word(0)))
        }),
    },
    Defect {
        name: "own-slots-are-redirected-at-the-edge",
        sentence: "The last slot of a node's first range is redirected to the node itself",
        fails: &["consistency/owner-serves", "moved/every-slot"],
        lie: Lie::Reply(|scene, request, reply| {
            reply.integer()?;
            let slot = Slot::of(request.word(1)).number();
            let is_last = request.is("EXISTS") && [5_460, 10_922].contains(&slot) && request.words().len() == 2;
            is_last.then(|| Instead::Say(error(&format!("MOVED {slot} {}", scene.address()))))
        }),
    },
];

/// Under these names it is kept which nodes were told that a slot moved.
const TOLD: [&str; 8] = ["told-0", "told-1", "told-2", "told-3", "told-4", "told-5", "told-6", "told-7"];

fn to_next(scene: &Scene<'_>, key: &[u8]) -> Instead {
    Instead::Say(error(&format!("MOVED {} {}", Slot::of(key), scene.next_address())))
}

fn says(reply: &Reply, words: &str) -> bool {
    reply.error().is_some_and(|error| error.text.to_lowercase().contains(words))
}
