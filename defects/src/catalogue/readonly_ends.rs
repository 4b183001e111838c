//! READONLY mode that ends, or is there, where nobody asked for it.

use wire::command;

use super::common::{code, moved};
use super::readonly::is_bare;
use super::replicas::{is_read, plain, served_here};
use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "readonly-ends-with-an-error",
        sentence: "A replica that answered an error serves no more reads on that connection",
        fails: &[
            "readonly/crossslot-is-refused",
            "readonly/demoted-primary-redirects",
            "readonly/flush-is-refused",
            "readonly/minority-is-refused",
            "readonly/replica-redirects-other-shards",
            "readonly/stale-data-may-be-refused",
            "readonly/writes-are-redirected",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            if is_bare(request, "READONLY") {
                *scene.note("failed") = 0;
            }
            if !scene.readonly() || scene.in_transaction() {
                return None;
            }
            if code(reply).is_some() {
                *scene.note("failed") = 1;
                return None;
            }
            (*scene.note("failed") > 0 && is_read(request)).then(|| plain(scene, request))
        }),
    },
    Defect {
        name: "readonly-ends-with-multi",
        sentence: "MULTI ends READONLY mode, so that a replica redirects what is queued",
        fails: &[
            "transactions/replica-does-not-block",
            "transactions/replica-redirects-writes",
            "transactions/replica-runs-reads",
        ],
        lie: Lie::Request(|scene, request| {
            let begins = request.is("MULTI") && scene.readonly() && scene.is_replica();
            begins.then(|| Instead::Send { commands: vec![command!["READWRITE"], command!["MULTI"]], shown: 1 })
        }),
    },
    Defect {
        name: "readonly-ends-with-exec",
        sentence: "EXEC ends READONLY mode",
        fails: &[
            "transactions/connection-commands-queue",
            "transactions/replica-redirects-writes",
            "transactions/replica-runs-reads",
        ],
        lie: Lie::Request(|scene, request| {
            let ends = request.is("EXEC") && scene.readonly() && scene.is_replica();
            ends.then(|| Instead::Send { commands: vec![command!["EXEC"], command!["READWRITE"]], shown: 0 })
        }),
    },
    Defect {
        name: "readonly-by-default",
        sentence: "Replicas serve reads that nobody asked them for with READONLY",
        fails: &[
            "consistency/redirects-and-slots",
            "failover/replica-takes-over",
            "moved/before-wrongtype-on-a-replica",
            "moved/one-hop-from-every-node",
            "readonly/capa-redirect-leaves-moved",
            "readonly/commands-may-be-repeated",
            "readonly/mode-belongs-to-the-connection",
            "readonly/readwrite-ends-the-mode",
            "readonly/replica-redirects-by-default",
            "readonly/reset-ends-the-mode",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            let unasked = scene.is_replica() && !scene.readonly() && is_read(request) && !scene.in_transaction();
            unasked.then(|| served_here(scene, request))
        }),
    },
    Defect {
        name: "existence-is-readonly-by-default",
        sentence: "Replicas answer EXISTS, STRLEN and TTL without READONLY",
        fails: &[
            "consistency/redirects-and-slots",
            "readonly/readwrite-ends-the-mode",
            "readonly/replica-redirects-by-default",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            let asked = request.is_any(&["EXISTS", "STRLEN", "TTL"]) && !scene.in_transaction();
            (asked && scene.is_replica() && !scene.readonly()).then(|| served_here(scene, request))
        }),
    },
    Defect {
        name: "redirected-once-and-then-served",
        sentence: "A replica redirects a connection once, and serves what it asks for after that",
        fails: &[
            "consistency/redirects-and-slots",
            "failover/replica-takes-over",
            "moved/one-hop-from-every-node",
            "readonly/commands-may-be-repeated",
            "readonly/mode-belongs-to-the-connection",
            "readonly/readwrite-ends-the-mode",
            "readonly/replica-redirects-by-default",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            if !scene.is_replica() || scene.readonly() || !is_read(request) || scene.in_transaction() {
                return None;
            }
            *scene.note("redirected") += 1;
            (*scene.note("redirected") > 1).then(|| served_here(scene, request))
        }),
    },
    Defect {
        name: "readonly-is-refused-by-primaries",
        sentence: "A primary refuses READONLY, since it has nothing to read for others",
        fails: &[
            "errors/case-does-not-matter",
            "failover/best-replica-wins",
            "failover/manual-swaps-roles",
            "readonly/demoted-primary-redirects",
            "readonly/primary-goes-on-as-before",
            "readonly/standalone-answer",
            "readonly/standalone-replica-redirects",
            "replication/empty-node-becomes-a-replica-and-back",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = request.is("READONLY") && reply.is_ok() && !scene.is_replica() && !scene.in_transaction();
            refused.then(|| Instead::Say(error("ERR READONLY is for replicas")))
        }),
    },
];
