//! A script that names keys of two slots in one command leaves something behind.

use wire::{Reply, command};

use super::common::code;
use crate::defect::{Defect, Replacement, on_exclusive_request, on_reply, on_request};
use crate::edit::{array, error, null};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "slot-error-in-a-script-stays-with-its-connection",
        "A script that failed with keys of two slots makes later scripts fail on the same connection",
        &["scripting/error-not-sticky"],
        |scene, request, reply| {
            if failed(request, reply) {
                *scene.note("failed") = 1;
                return None;
            }
            (*scene.note("failed") > 0 && request.is_any(&SCRIPTS)).then(|| Replacement::Answer(error(NON_LOCAL)))
        },
    ),
    on_exclusive_request(
        "slot-error-in-a-script-stays-with-its-node",
        "A script that failed with keys of two slots makes later scripts fail on new connections to the node",
        &["scripting/error-not-sticky"],
        |scene, request| {
            if !request.is_any(&SCRIPTS) {
                return None;
            }
            let slots = wire::Slot::of(request.word(3)) == wire::Slot::of(request.word(4));
            if request.word(2) == b"1" && request.words().len() == 5 && !slots {
                scene.share("failed", 1);
                *scene.note("own") = 1;
                return None;
            }
            (scene.shared("failed") > 0 && *scene.note("own") == 0).then(|| Replacement::Answer(error(NON_LOCAL)))
        },
    ),
    on_reply(
        "script-reaches-two-slots",
        "A command in a script may name keys of two slots",
        &["scripting/error-not-sticky"],
        |scene, request, reply| {
            failed(request, reply).then(|| Replacement::Answer(array(&[null(scene.resp3()), null(scene.resp3())])))
        },
    ),
    on_reply(
        "slot-error-in-a-script-is-a-crossslot",
        "A script that names keys of two slots in one command fails with CROSSSLOT, as if they were declared",
        &["scripting/error-not-sticky"],
        |_, request, reply| {
            failed(request, reply)
                .then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_reply(
        "slot-error-in-a-script-forgets-scripts",
        "EVALSHA finds no script on a connection after a script failed with keys of two slots",
        &["scripting/error-not-sticky"],
        |scene, request, reply| {
            if failed(request, reply) {
                *scene.note("failed") = 1;
            }
            let lost = *scene.note("failed") > 0 && request.is("EVALSHA") && code(reply).is_none();
            lost.then(|| Replacement::Answer(error("NOSCRIPT No matching script. Please use EVAL.")))
        },
    ),
    on_request(
        "refused-script-holds-the-connection",
        "A script that failed with keys of two slots leaves its connection in a transaction",
        &["scripting/error-not-sticky"],
        |_, request| {
            let slots = wire::Slot::of(request.word(3)) == wire::Slot::of(request.word(4));
            let fails = request.is("EVAL") && request.word(2) == b"1" && request.words().len() == 5 && !slots;
            fails.then(|| Replacement::Send { commands: vec![request.command(), command!["MULTI"]], shown: 0 })
        },
    ),
];

const SCRIPTS: [&str; 3] = ["EVAL", "EVALSHA", "FCALL"];
const NON_LOCAL: &str = "ERR Script attempted to access a non local key in a cluster node";

/// Says whether a script with a key and an argument failed while it ran.
fn failed(request: &Request, reply: &Reply) -> bool {
    let ran = request.is("EVAL") && request.word(2) == b"1" && request.words().len() == 5;
    ran && code(reply).is_some_and(|code| code == "ERR")
}
