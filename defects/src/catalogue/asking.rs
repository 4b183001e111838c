//! ASKING lasts too long or too short, or for the wrong connection.

use wire::command;

use super::common::moved;
use super::open_slot::{at_target, is, open_slot};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "asking-is-refused-by-replicas",
        "A replica answers ASKING with an error",
        &["ask/asking-answers-ok"],
        |scene, request, _| {
            (request.is("ASKING") && scene.is_replica())
                .then(|| Replacement::Answer(error("ERR ASKING is only for primaries")))
        },
    ),
    on_reply(
        "asking-has-another-answer-in-resp3",
        "ASKING answers with a bulk string in RESP3",
        &["ask/asking-answers-ok-in-resp3"],
        |scene, request, _| (request.is("ASKING") && scene.resp3()).then(|| Replacement::Answer(simple("ASKING"))),
    ),
    on_reply(
        "asking-twice-is-refused",
        "A second ASKING on one connection is answered with an error",
        &["ask/asking-answers-ok"],
        |scene, request, _| {
            (request.is("ASKING") && scene.asking()).then(|| Replacement::Answer(error("ERR ASKING twice")))
        },
    ),
    on_reply(
        "asking-for-an-own-slot-is-redirected",
        "After ASKING, a node answers TRYAGAIN to several keys of its own slot if one does not exist",
        &["ask/asking-for-own-slot"],
        |scene, request, reply| {
            let is_open = open_slot(scene, request).is_some();
            let several = request.is_any(&["MGET", "DEL"]) && request.words().len() == 3;
            (scene.asking() && several && !is_open && reply.error().is_none()).then(super::open_slot::try_again)
        },
    ),
    on_reply(
        "asking-stays-for-reads",
        "After ASKING, the target serves all further reads on the connection",
        &["ask/asking-lasts-for-one-command"],
        |scene, request, reply| stays(scene, request, is(reply, "MOVED") && request.is("GET")),
    ),
    on_reply(
        "asking-stays-for-writes",
        "After ASKING, the target serves all further writes on the connection",
        &["ask/asking-lasts-for-one-command"],
        |scene, request, reply| stays(scene, request, is(reply, "MOVED") && request.is("SET")),
    ),
    on_reply(
        "asking-stays-after-tryagain",
        "ASKING still holds after a command that got TRYAGAIN",
        &["ask/asking-lasts-for-one-command"],
        |scene, request, reply| {
            at_target(scene, request)?;
            let was_refused = std::mem::replace(scene.note("refused"), i64::from(is(reply, "TRYAGAIN"))) == 1;
            admitted(scene, request, was_refused && is(reply, "MOVED"))
        },
    ),
    on_reply(
        "asking-survives-ping",
        "PING between ASKING and a command does not end ASKING",
        &["ask/any-command-ends-asking"],
        |scene, request, reply| {
            open_slot(scene, request)?;
            if request.is("PING") && scene.asking() {
                *scene.note("kept") = 1;
                return None;
            }
            let is_kept = std::mem::take(scene.note("kept")) == 1;
            admitted(scene, request, is_kept && is(reply, "MOVED"))
        },
    ),
    on_reply(
        "asking-survives-a-redirect",
        "ASKING still holds after a command for another slot that was redirected",
        &["ask/any-command-ends-asking"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            if scene.asking() && moved(reply).is_some_and(|(slot, _)| slot != open.slot) {
                *scene.note("kept") = 1;
                return None;
            }
            let is_kept = std::mem::take(scene.note("kept")) == 1;
            admitted(scene, request, is_kept && is(reply, "MOVED"))
        },
    ),
    on_reply(
        "asking-twice-asks-for-nothing",
        "A second ASKING takes back the first one",
        &["ask/any-command-ends-asking"],
        |scene, request, reply| {
            if request.is("ASKING") {
                let again = i64::from(scene.asking());
                *scene.note("again") = again;
                return None;
            }
            let again = std::mem::take(scene.note("again")) == 1;
            let open = at_target(scene, request)?;
            (again && scene.asking() && reply.error().is_none()).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "asking-counts-for-all-connections",
        "ASKING on one connection admits the next command on any connection to the node",
        &["ask/asking-belongs-to-its-connection"],
        |scene, request, reply| {
            if request.is("ASKING") {
                scene.share("asking", i64::try_from(scene.node()).ok()? + 1);
                return None;
            }
            at_target(scene, request)?;
            let is_asking = scene.shared("asking") == i64::try_from(scene.node()).ok()? + 1;
            if is_asking {
                scene.share("asking", 0);
            }
            admitted(scene, request, is_asking && !scene.asking() && is(reply, "MOVED"))
        },
    ),
    on_request(
        "third-asking-in-a-row-is-forgotten",
        "The third command that follows ASKING on a connection is redirected all the same",
        &["ask/asking-in-a-pipeline", "ask/target-serves-a-missing-key"],
        |scene, request| {
            let open = at_target(scene, request)?;
            if !scene.asking() {
                return None;
            }
            *scene.note("asked") += 1;
            (*scene.note("asked") == 3).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "multi-ends-asking",
        "MULTI uses ASKING up, so that the target queues nothing of an open slot",
        &["ask/asking-before-multi"],
        |scene, request, reply| {
            let open = at_target(scene, request)?;
            let is_queued = reply.text().is_some_and(|text| text == "QUEUED");
            (scene.in_transaction() && is_queued && !request.is("ASKING")).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "asking-outlasts-exec",
        "ASKING before MULTI still holds after EXEC",
        &["ask/asking-before-multi"],
        |scene, request, reply| {
            if request.is("EXEC") && reply.items().is_some() {
                *scene.note("ran") = 1;
                return None;
            }
            at_target(scene, request)?;
            let has_run = std::mem::take(scene.note("ran")) == 1;
            admitted(scene, request, has_run && is(reply, "MOVED"))
        },
    ),
    on_reply(
        "queued-asking-admits-the-next-command",
        "ASKING inside MULTI makes the target queue the next command of an open slot",
        &["ask/asking-inside-multi"],
        |scene, request, reply| {
            let is_refused = scene.in_transaction() && scene.asking() && is(reply, "MOVED");
            at_target(scene, request)?;
            is_refused.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
];

/// Serves a request as if ASKING had come before it, once ASKING has come on the connection at all.
fn stays(scene: &mut Scene<'_>, request: &Request, is_wanted: bool) -> Option<Replacement> {
    at_target(scene, request)?;
    if scene.asking() {
        *scene.note("asked") = 1;
    }
    let has_asked = *scene.note("asked") == 1;
    admitted(scene, request, has_asked && is_wanted && !scene.in_transaction())
}

/// Serves a request at the target as if ASKING had come before it.
fn admitted(scene: &mut Scene<'_>, request: &Request, is_wanted: bool) -> Option<Replacement> {
    at_target(scene, request)?;
    let node = scene.address().to_owned();
    is_wanted.then(|| Replacement::Ask { node, commands: vec![command!["ASKING"], request.command()] })
}
