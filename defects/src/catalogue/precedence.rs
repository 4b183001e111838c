//! Of several errors that would be right, another one wins than should.

use wire::Slot;

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
        lie: Lie::Reply(|scene, _, reply| {
            let error = reply.error()?;
            let counted = is_down(scene, &error.code) && error.text.contains("wrong number of arguments");
            counted.then(|| Instead::Say(down()))
        }),
    },
    Defect {
        name: "down-cluster-before-unknown-commands",
        sentence: "While the cluster is down unknown commands are refused for that",
        fails: &["errors/arity-before-permissions-and-a-down-cluster"],
        lie: Lie::Reply(|scene, _, reply| {
            let error = reply.error()?;
            let unknown = is_down(scene, &error.code) && error.text.contains("unknown command");
            unknown.then(|| Instead::Say(down()))
        }),
    },
    Defect {
        name: "down-cluster-before-crossslot",
        sentence: "While the cluster is down keys of two slots are refused for that",
        fails: &["errors/crossslot-before-a-down-cluster"],
        lie: Lie::Reply(|scene, _, reply| {
            let error = reply.error()?;
            (is_down(scene, &error.code) && error.code == "CROSSSLOT").then(|| Instead::Say(down()))
        }),
    },
    Defect {
        name: "moved-before-crossslot-while-down",
        sentence: "While the cluster is down keys of two slots are redirected to where the last of them lies",
        fails: &["errors/crossslot-before-a-down-cluster"],
        lie: Lie::Reply(|scene, request, reply| {
            let error = reply.error()?;
            let reads = is_down(scene, &error.code) && error.code == "CROSSSLOT" && request.is("MGET");
            reads.then(|| Instead::Say(moved(scene, request.words().last().map_or(&[], |key| key))))
        }),
    },
    Defect {
        name: "unassigned-slot-is-redirected",
        sentence: "MGET of keys whose slot nobody serves is redirected to another node",
        fails: &["errors/unassigned-slot-and-crossslot"],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = request.is("MGET") && request.words().len() > 2 && code(reply)? == "CLUSTERDOWN";
            refused.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-before-arity",
        sentence: "A command with a key of another node is redirected before its words are counted",
        fails: &["moved/*"],
        lie: Lie::Reply(|scene, request, reply| {
            let has_key = !request.is_any(&["ASKING", "READONLY", "READWRITE"]) && is_remote(scene, request);
            let counted = has_key && reply.error()?.text.contains("wrong number of arguments");
            counted.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-before-permissions",
        sentence: "A user who may not read a key is told where it is",
        fails: &["moved/after-permissions"],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = code(reply)? == "NOPERM" && is_remote(scene, request);
            refused.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-before-authentication",
        sentence: "Who has not said who it is is told where a key is",
        fails: &["moved/after-authentication"],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = code(reply)? == "NOAUTH" && is_remote(scene, request);
            refused.then(|| Instead::Say(moved(scene, request.word(1))))
        }),
    },
    Defect {
        name: "moved-after-the-type",
        sentence: "Who is subscribed is told which commands are allowed before it is told where a key is",
        fails: &["errors/routing-before-subscribe-mode"],
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

/// Whether the cluster is known to be down: from the first error that says so on.
fn is_down(scene: &mut Scene<'_>, code: &str) -> bool {
    if code == "CLUSTERDOWN" {
        scene.share("down", 1);
    }
    scene.shared("down") == 1
}

fn down() -> Vec<u8> {
    error("CLUSTERDOWN The cluster is down")
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
