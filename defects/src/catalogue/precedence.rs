//! A node answers the wrong one of several errors that apply.

use wire::{Reply, Slot};

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::error;
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "permissions-before-arity",
        "A node checks the permissions of a user before it checks the arity of the command",
        &["errors/arity-before-permissions-and-a-down-cluster"],
        |scene, request, reply| {
            let error = reply.error()?;
            if error.code == "NOPERM" {
                *scene.note("refused") = 1;
            }
            let counted = *scene.note("refused") == 1 && error.text.contains("wrong number of arguments");
            let noperm = format!("NOPERM this user has no permissions to run the '{}' command", request.name());
            counted.then(|| Replacement::Answer(crate::edit::error(&noperm)))
        },
    ),
    on_reply(
        "down-cluster-before-arity",
        "A node that is down answers CLUSTERDOWN before it checks the arity of a command",
        &["errors/arity-before-permissions-and-a-down-cluster"],
        |scene, request, reply| refused_as_down(scene, request, reply, "wrong number of arguments"),
    ),
    on_reply(
        "down-cluster-before-unknown-commands",
        "A node that is down answers CLUSTERDOWN to unknown commands",
        &["errors/arity-before-permissions-and-a-down-cluster"],
        |scene, request, reply| refused_as_down(scene, request, reply, "unknown command"),
    ),
    on_reply(
        "down-cluster-before-crossslot",
        "A node that is down answers CLUSTERDOWN to keys of two slots",
        &["errors/crossslot-before-a-down-cluster"],
        |scene, request, reply| {
            // Two answers to MGET are right, depending on the server.
            refused_as_down(scene, request, reply, "CROSSSLOT").filter(|_| request.is("MSET"))
        },
    ),
    on_reply(
        "unassigned-slot-is-redirected",
        "A node that is down redirects MGET of several keys to another node",
        &["down/no-redirect-while-down", "errors/unassigned-slot-and-crossslot"],
        |scene, request, reply| {
            let down = is_down(scene, request, reply);
            let refused = request.is("MGET") && request.words().len() > 2 && reply.error().is_some();
            (down && refused).then(|| Replacement::Answer(moved(scene, request.word(1))))
        },
    ),
    on_reply(
        "moved-before-arity",
        "A node redirects a key of another node before it checks the arity of the command",
        &["moved/after-arity-with-keys-of-two-slots"],
        |scene, request, reply| {
            if code(reply).is_some_and(|code| code == "NOPERM") || is_down(scene, request, reply) {
                // Another check covers this one.
                *scene.note("refused") = 1;
            }
            let has_key = !request.is_any(&["ASKING", "READONLY", "READWRITE", "COMMAND"]) && is_remote(scene, request);
            let counted =
                has_key && *scene.note("refused") == 0 && reply.error()?.text.contains("wrong number of arguments");
            counted.then(|| Replacement::Answer(moved(scene, request.word(1))))
        },
    ),
    on_reply(
        "moved-before-permissions",
        "A node redirects a write by a user who has no permission for the key",
        &["moved/after-permissions"],
        |scene, request, reply| {
            let refused = request.is("SET") && code(reply)? == "NOPERM";
            refused.then(|| Replacement::Answer(moved(scene, request.word(1))))
        },
    ),
    on_reply(
        "moved-before-authentication",
        "A node redirects a write on a connection that has not authenticated",
        &["moved/after-authentication"],
        |scene, request, reply| {
            let refused = request.is("SET") && code(reply)? == "NOAUTH";
            refused.then(|| Replacement::Answer(moved(scene, request.word(1))))
        },
    ),
    on_reply(
        "moved-after-the-type",
        "A node redirects a key on a subscribed connection before it says which commands are allowed there",
        &["slots/shard-channels-hash-like-keys"],
        |scene, request, reply| {
            if request.is_any(&["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]) {
                *scene.note("subscribed") = 1;
            }
            let redirected = *scene.note("subscribed") == 1 && code(reply)? == "MOVED";
            let refusal = "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING are allowed";
            redirected.then(|| Replacement::Answer(error(refusal)))
        },
    ),
];

/// Says whether the cluster was down in the last CLUSTER INFO of a node.
fn is_down(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> bool {
    if request.is("CLUSTER INFO")
        && let Some(info) = reply.text()
    {
        scene.share("down", i64::from(info.contains("cluster_state:fail")));
    }
    scene.shared("down") == 1
}

/// Replaces an error with this text by CLUSTERDOWN while the cluster is down.
fn refused_as_down(scene: &mut Scene<'_>, request: &Request, reply: &Reply, what: &str) -> Option<Replacement> {
    let down = is_down(scene, request, reply);
    (down && reply.error()?.text.contains(what)).then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
}

/// Returns a MOVED to the next node.
fn moved(scene: &Scene<'_>, key: &[u8]) -> Vec<u8> {
    error(&format!("MOVED {} {}", Slot::of(key).number(), scene.next_address()))
}

/// Says whether another of the first three nodes owned the slot of the first key at first.
fn is_remote(scene: &Scene<'_>, request: &Request) -> bool {
    let slot = usize::from(Slot::of(request.word(1)).number());
    request.words().len() > 1 && !request.is("CLUSTER") && slot * 3 / usize::from(wire::SLOT_COUNT) != scene.node()
}
