//! What a script leaves behind that named keys of two slots in one command.

use wire::{Reply, command};

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{array, error, null};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "slot-error-in-a-script-stays-with-its-connection",
        sentence: "After a script failed for keys of two slots, later scripts fail on the same connection",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Reply(|scene, request, reply| {
            if failed(request, reply) {
                *scene.note("failed") = 1;
                return None;
            }
            (*scene.note("failed") > 0 && request.is_any(&SCRIPTS)).then(|| Instead::Say(error(NON_LOCAL)))
        }),
    },
    Defect {
        name: "slot-error-in-a-script-stays-with-its-node",
        sentence: "After a script failed for keys of two slots, later scripts fail on new connections to the node",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Across(|scene, request| {
            if !request.is_any(&SCRIPTS) {
                return None;
            }
            let slots = wire::Slot::of(request.word(3)) == wire::Slot::of(request.word(4));
            if request.word(2) == b"1" && request.words().len() == 5 && !slots {
                scene.share("failed", 1);
                *scene.note("own") = 1;
                return None;
            }
            (scene.shared("failed") > 0 && *scene.note("own") == 0).then(|| Instead::Say(error(NON_LOCAL)))
        }),
    },
    Defect {
        name: "script-reaches-two-slots",
        sentence: "A command in a script may name keys of two slots",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Reply(|scene, request, reply| {
            failed(request, reply).then(|| Instead::Say(array(&[null(scene.resp3()), null(scene.resp3())])))
        }),
    },
    Defect {
        name: "slot-error-in-a-script-is-a-crossslot",
        sentence: "A script that names keys of two slots in one command fails with CROSSSLOT, as if it had declared them",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Reply(|_, request, reply| {
            failed(request, reply).then(|| Instead::Say(error("CROSSSLOT Keys in request don't hash to the same slot")))
        }),
    },
    Defect {
        name: "slot-error-in-a-script-forgets-scripts",
        sentence: "After a script failed for keys of two slots, EVALSHA finds no script on that connection",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Reply(|scene, request, reply| {
            if failed(request, reply) {
                *scene.note("failed") = 1;
            }
            let lost = *scene.note("failed") > 0 && request.is("EVALSHA") && code(reply).is_none();
            lost.then(|| Instead::Say(error("NOSCRIPT No matching script. Please use EVAL.")))
        }),
    },
    Defect {
        name: "refused-script-holds-the-connection",
        sentence: "After a script failed for keys of two slots its connection is left in a transaction",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Request(|_, request| {
            let slots = wire::Slot::of(request.word(3)) == wire::Slot::of(request.word(4));
            let fails = request.is("EVAL") && request.word(2) == b"1" && request.words().len() == 5 && !slots;
            fails.then(|| Instead::Send { commands: vec![request.command(), command!["MULTI"]], shown: 0 })
        }),
    },
];

const SCRIPTS: [&str; 3] = ["EVAL", "EVALSHA", "FCALL"];
const NON_LOCAL: &str = "ERR Script attempted to access a non local key in a cluster node";

/// Whether a script with a key and an argument failed while it ran.
fn failed(request: &Request, reply: &Reply) -> bool {
    let ran = request.is("EVAL") && request.word(2) == b"1" && request.words().len() == 5;
    ran && code(reply).is_some_and(|code| code == "ERR")
}
