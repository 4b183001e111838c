//! Of several errors that would be right, another one wins than should.

use wire::{Reply, Slot};

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "permissions-before-arity",
        sentence: "What a user may not do is refused for that before its words are counted",
        fails: &["errors/arity-before-permissions-and-a-down-cluster"],
        lie: Lie::Reply(|scene, request, reply| {
            let error = reply.error()?;
            if error.code == "NOPERM" {
                *scene.note("refused") = 1;
            }
            let counted = *scene.note("refused") == 1 && error.text.contains("wrong number of arguments");
            let noperm = format!("NOPERM this user has no permissions to run the '{}' command", request.name());
            counted.then(|| Instead::Say(crate::edit::error(&noperm)))
        }),
    },
    Defect {
        name: "down-cluster-before-arity",
        sentence: "While the cluster is down commands are refused for that before their words are counted",
        fails: &["errors/arity-before-permissions-and-a-down-cluster"],
        lie: Lie::Reply(|scene, request, reply| refused_as_down(scene, request, reply, "wrong number of arguments")),
    },
    Defect {
        name: "down-cluster-before-unknown-commands",
        sentence: "While the cluster is down unknown commands are refused for that",
        fails: &["errors/arity-before-permissions-and-a-down-cluster"],
        lie: Lie::Reply(|scene, request, reply| refused_as_down(scene, request, reply, "unknown command")),
    },
    Defect {
        name: "down-cluster-before-crossslot",
        sentence: "While the cluster is down keys of two slots are refused for that",
        fails: &["errors/crossslot-before-a-down-cluster"],
        lie: Lie::Reply(|scene, request, reply| {
            // Of MGET two answers are right, depending on the server.
            refused_as_down(scene, request, reply, "CROSSSLOT").filter(|_| request.is("MSET"))
        }),
    },
    Defect {
        name: "unassigned-slot-is-redirected",
        sentence: "While the cluster is down MGET of several keys is redirected to another node",
        fails: &[
            "down/dead-primary-without-replica",
            "down/no-redirect-while-down",
            "down/node-without-slots-known",
            "down/slot-without-owner",
            "errors/crossslot-before-a-down-cluster",
            "errors/unassigned-slot-and-crossslot",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let down = is_down(scene, request, reply);
            let refused = request.is("MGET") && request.words().len() > 2 && reply.error().is_some();
            (down && refused).then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-before-arity",
        sentence: "A command with a key of another node is redirected before its words are counted",
        fails: &[
            "moved/after-a-missing-argument",
            "moved/after-an-extra-argument",
            "moved/after-arity-with-keys-of-two-slots",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            if code(reply).is_some_and(|code| code == "NOPERM") || is_down(scene, request, reply) {
                // Another check's question.
                *scene.note("refused") = 1;
            }
            let has_key = !request.is_any(&["ASKING", "READONLY", "READWRITE", "COMMAND"]) && is_remote(scene, request);
            let counted =
                has_key && *scene.note("refused") == 0 && reply.error()?.text.contains("wrong number of arguments");
            counted.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-before-permissions",
        sentence: "A user who may not write a key is told where it is",
        fails: &["moved/after-permissions"],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = request.is("SET") && code(reply)? == "NOPERM";
            refused.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-before-authentication",
        sentence: "Who has not said who it is is told where the key of a write is",
        fails: &["moved/after-authentication"],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = request.is("SET") && code(reply)? == "NOAUTH";
            refused.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-after-the-type",
        sentence: "Who is subscribed is told which commands are allowed before it is told where a key is",
        fails: &["errors/routing-before-subscribe-mode", "slots/shard-channels-hash-like-keys"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is_any(&["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]) {
                *scene.note("subscribed") = 1;
            }
            let redirected = *scene.note("subscribed") == 1 && code(reply)? == "MOVED";
            let refusal = "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING are allowed";
            redirected.then(|| Instead::Say(error(refusal)))
        }),
    },
];

/// Whether the cluster was down when a node last told its state.
fn is_down(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> bool {
    if request.is("CLUSTER INFO")
        && let Some(info) = reply.text()
    {
        scene.share("down", i64::from(info.contains("cluster_state:fail")));
    }
    scene.shared("down") == 1
}

/// While the cluster is down, an error that says this is one that says so instead.
fn refused_as_down(scene: &mut Scene<'_>, request: &Request, reply: &Reply, what: &str) -> Option<Instead> {
    let down = is_down(scene, request, reply);
    (down && reply.error()?.text.contains(what)).then(|| Instead::Say(error("CLUSTERDOWN The cluster is down")))
}

/// A redirection to the next node.
fn moved(scene: &Scene<'_>, key: &[u8]) -> Vec<u8> {
    error(&format!("MOVED {} {}", Slot::of(key).number(), scene.next_address()))
}

/// Whether another of the first three nodes had the slot of the first key to begin with.
fn is_remote(scene: &Scene<'_>, request: &Request) -> bool {
    let slot = usize::from(Slot::of(request.word(1)).number());
    request.words().len() > 1 && !request.is("CLUSTER") && slot * 3 / usize::from(wire::SLOT_COUNT) != scene.node()
}
