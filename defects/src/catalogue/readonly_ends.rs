//! READONLY mode ends without READWRITE, or starts without READONLY.

use wire::command;

use super::common::{code, moved};
use super::readonly::is_bare;
use super::replicas::{is_read, plain, served_here};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::error;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "readonly-ends-with-an-error",
        "A replica stops serving reads on a connection after any error",
        &["readonly/flush-is-refused", "readonly/minority-is-refused", "readonly/replica-redirects-other-shards"],
        |scene, request, reply| {
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
        },
    ),
    on_request(
        "readonly-ends-with-multi",
        "MULTI ends READONLY mode, so that a replica redirects queued reads",
        &["transactions/replica-runs-reads"],
        |scene, request| {
            let begins = request.is("MULTI") && scene.readonly() && scene.is_replica();
            begins.then(|| Replacement::Send { commands: vec![command!["READWRITE"], command!["MULTI"]], shown: 1 })
        },
    ),
    on_request(
        "readonly-ends-with-exec",
        "EXEC ends READONLY mode",
        &["transactions/replica-redirects-writes", "transactions/replica-runs-reads"],
        |scene, request| {
            let ends = request.is("EXEC") && scene.readonly() && scene.is_replica();
            ends.then(|| Replacement::Send { commands: vec![command!["EXEC"], command!["READWRITE"]], shown: 0 })
        },
    ),
    on_reply(
        "readonly-by-default",
        "A replica serves reads without READONLY",
        &["readonly/replica-redirects-by-default"],
        |scene, request, reply| {
            moved(reply)?;
            let unasked = scene.is_replica() && !scene.readonly() && is_read(request) && !scene.in_transaction();
            unasked.then(|| served_here(scene, request))
        },
    ),
    on_reply(
        "existence-is-readonly-by-default",
        "A replica answers EXISTS, STRLEN and TTL without READONLY",
        &["readonly/replica-redirects-by-default"],
        |scene, request, reply| {
            moved(reply)?;
            let asked = request.is_any(&["EXISTS", "STRLEN", "TTL"]) && !scene.in_transaction();
            (asked && scene.is_replica() && !scene.readonly()).then(|| served_here(scene, request))
        },
    ),
    on_reply(
        "redirected-once-and-then-served",
        "A replica redirects only the first command of a connection, and serves later ones",
        &[
            "failover/replica-takes-over",
            "readonly/mode-belongs-to-the-connection",
            "readonly/replica-redirects-by-default",
        ],
        |scene, request, reply| {
            moved(reply)?;
            if !scene.is_replica() || scene.readonly() || !is_read(request) || scene.in_transaction() {
                return None;
            }
            *scene.note("redirected") += 1;
            (*scene.note("redirected") > 1).then(|| served_here(scene, request))
        },
    ),
    on_reply(
        "readonly-is-refused-by-primaries",
        "A primary refuses READONLY",
        &["readonly/demoted-primary-redirects", "readonly/primary-goes-on-as-before"],
        |scene, request, reply| {
            let refused = request.is("READONLY") && reply.is_ok() && !scene.is_replica() && !scene.in_transaction();
            refused.then(|| Replacement::Answer(error("ERR READONLY is for replicas")))
        },
    ),
];
