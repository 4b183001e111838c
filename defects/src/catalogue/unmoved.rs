//! MOVED is missing where it must be, or does more than to redirect, or is stale.

use super::common::{code, moved, served};
use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;

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
            "failover/old-primary-returns-as-replica",
            "moved/before-misconf",
            "moved/before-oom-and-noreplicas",
            "moved/connection-stays-open",
            "moved/every-declared-command",
            "moved/not-executed",
            "moved/pipeline-order",
            "moved/redirects-set",
            "moved/three-fields",
            "readonly/capa-redirect-leaves-moved",
            "readonly/demoted-primary-redirects",
            "readonly/replica-redirects-by-default",
            "replication/failover-command-is-refused",
            "replication/replicaof-of-another-primary-is-refused",
            "replication/too-few-replicas-refuse-writes",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let is_plain = request.is("SET") && !scene.in_transaction() && !scene.readonly();
            is_plain.then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "reads-are-passed-on-the-second-time",
        sentence: "The second GET of a connection that would be redirected, and was told of no trouble, is passed on",
        fails: &[
            "failover/manual-loses-no-write",
            "moved/one-hop-from-every-node",
            "moved/pipeline-order",
            "moved/three-fields",
            "readonly/commands-may-be-repeated",
            "readonly/demoted-primary-redirects",
            "readonly/every-slot-of-the-shard-is-served",
            "readonly/mode-belongs-to-the-connection",
            "readonly/primary-goes-on-as-before",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            // At a node that starts it is chance how often it redirects before it is asked no more.
            *scene.note("troubles") |= i64::from(code(reply).is_some_and(|code| code != "MOVED"));
            if !request.is("GET") || moved(reply).is_none() {
                return None;
            }
            *scene.note("redirects") += 1;
            (*scene.note("redirects") == 2 && *scene.note("troubles") == 0).then(|| served(request, reply)).flatten()
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
        name: "get-is-served-by-every-primary",
        sentence: "Primaries pass GET for a slot of another one on to it, outside of transactions, instead of redirecting",
        fails: &[
            "errors/case-does-not-matter",
            "errors/known-first-word",
            "errors/routing-before-subscribe-mode",
            "moved/connection-stays-open",
            "moved/every-declared-command",
            "moved/inline-command",
            "moved/one-hop-from-every-node",
            "moved/pipeline-order",
            "moved/redirects-get",
            "moved/resp3-simple-error",
            "moved/three-fields",
            "readonly/capa-redirect-leaves-moved",
            "readonly/primary-goes-on-as-before",
            "redirect/moved-from-non-owner",
        ],
        lie: Lie::Calm(|scene, request, reply| {
            let is_meant = !scene.is_replica() && request.is("GET") && !scene.in_transaction();
            is_meant.then(|| served(request, reply)).flatten()
        }),
    },
    Defect {
        name: "redirects-are-stale-after-a-reshard",
        sentence: "A node that was not told itself that a slot moved goes on naming another node than the new owner",
        fails: &["moved/fresh-after-reshard"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("CLUSTER SETSLOT") && request.word(3) == b"NODE" {
                scene.share("slot", std::str::from_utf8(request.word(2)).ok()?.parse::<i64>().ok()? + 1);
                scene.share(TOLD.get(scene.node())?, 1);
            }
            let (slot, to) = moved(reply)?;
            let is_stale = i64::from(slot) + 1 == scene.shared("slot") && scene.shared(TOLD.get(scene.node())?) == 0;
            // Of the cluster's nodes: a helper that formed it may come behind them, or not.
            let mut members = scene.addresses().iter().take(scene.place.replicas.end);
            let old = members.find(|other| **other != to && *other != scene.address())?;
            is_stale.then(|| Instead::Say(error(&format!("MOVED {slot} {old}"))))
        }),
    },
];

/// Under these names it is kept which nodes were told that a slot moved.
const TOLD: [&str; 8] = ["told-0", "told-1", "told-2", "told-3", "told-4", "told-5", "told-6", "told-7"];
