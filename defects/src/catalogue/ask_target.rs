//! The target of an open slot serves what it should redirect, or forgets what ASKING admits; other nodes redirect wrongly.

use wire::command;

use super::common::{moved, plausible, served};
use super::open_slot::{at_target, is, open_slot, try_again};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "importing-node-serves-reads",
        "The target of an open slot serves GET without ASKING",
        &["ask/target-redirects-without-asking"],
        |scene, request, reply| admit(scene, request, is(reply, "MOVED") && request.is("GET")),
    ),
    on_reply(
        "importing-node-serves-writes",
        "The target of an open slot serves SET without ASKING",
        &["ask/target-redirects-without-asking"],
        |scene, request, reply| {
            let writes = is(reply, "MOVED") && request.is("SET") && !scene.in_transaction();
            admit(scene, request, writes)
        },
    ),
    on_reply(
        "importing-node-serves-several-keys",
        "The target of an open slot serves MGET without ASKING",
        &["ask/target-redirects-without-asking"],
        |scene, request, reply| admit(scene, request, is(reply, "MOVED") && request.is("MGET")),
    ),
    on_reply(
        "importing-node-watches",
        "The target of an open slot accepts WATCH without ASKING",
        &["ask/target-redirects-without-asking"],
        |scene, request, reply| {
            at_target(scene, request)?;
            (request.is("WATCH") && is(reply, "MOVED")).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "missing-key-is-sent-back",
        "After ASKING, the target answers MOVED if the key does not exist",
        &["ask/target-serves-a-missing-key"],
        |scene, request, reply| {
            let open = at_target(scene, request)?;
            (scene.asking() && request.is("GET") && reply.is_null()).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "missing-key-tries-again",
        "After ASKING, the target answers TRYAGAIN to a write that would create a key",
        &["ask/target-serves-a-missing-key"],
        |scene, request, reply| {
            at_target(scene, request)?;
            let creates = request.is_any(&["INCR", "LPUSH"]) && reply.integer() == Some(1);
            (scene.asking() && creates).then(try_again)
        },
    ),
    on_reply(
        "several-keys-at-the-target-are-refused",
        "After ASKING, the target answers TRYAGAIN to every command with several keys",
        &["ask/target-has-all-keys"],
        |scene, request, reply| {
            let open = at_target(scene, request)?;
            (scene.asking() && open.keys_in(request) > 1 && reply.error().is_none()).then(try_again)
        },
    ),
    on_reply(
        "deletion-at-the-target-is-refused",
        "After ASKING, the target answers TRYAGAIN to DEL of two keys that it has",
        &["ask/target-has-all-keys"],
        |scene, request, reply| {
            at_target(scene, request)?;
            (scene.asking() && request.is("DEL") && reply.integer() == Some(2)).then(try_again)
        },
    ),
    on_reply(
        "missing-keys-at-the-target-are-null",
        "After ASKING, the target answers MGET with nulls although it lacks a key",
        &["ask/target-lacks-a-key"],
        |scene, request, reply| lacking(scene, request, is(reply, "TRYAGAIN") && request.is("MGET")),
    ),
    on_reply(
        "missing-keys-at-the-target-do-not-exist",
        "After ASKING, the target answers EXISTS with a number although it lacks a key",
        &["ask/target-lacks-a-key"],
        |scene, request, reply| lacking(scene, request, is(reply, "TRYAGAIN") && request.is("EXISTS")),
    ),
    on_reply(
        "missing-keys-at-the-target-are-written",
        "After ASKING, the target answers MSET with OK although it lacks a key",
        &["ask/target-lacks-a-key"],
        |scene, request, reply| lacking(scene, request, is(reply, "TRYAGAIN") && request.is("MSET")),
    ),
    on_reply(
        "missing-keys-at-the-target-are-sent-back",
        "After ASKING, the target answers MOVED instead of TRYAGAIN if it lacks a key",
        &["ask/target-lacks-a-key"],
        |scene, request, reply| {
            let open = at_target(scene, request)?;
            (scene.asking() && is(reply, "TRYAGAIN")).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "one-key-twice-is-two-keys",
        "After ASKING, the target answers TRYAGAIN to a command that names one missing key twice",
        &["ask/target-gets-one-key-twice"],
        |scene, request, reply| {
            at_target(scene, request)?;
            let is_twice = request.words().len() == 3 && request.word(1) == request.word(2);
            (scene.asking() && is_twice && reply.error().is_none()).then(try_again)
        },
    ),
    on_reply(
        "asking-admits-closed-slots",
        "ASKING makes a node that imports one slot serve all slots of the source",
        &["ask/asking-for-a-closed-slot"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let is_closed = moved(reply).is_some_and(|(slot, _)| slot != open.slot);
            (scene.asking() && scene.node() == open.target && is_closed).then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "third-node-names-the-target",
        "A node at neither end of an open slot answers MOVED to the target",
        &["ask/third-node-redirects-to-source"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let is_third = scene.node() != open.source && scene.node() != open.target && is_of(reply, open.slot);
            is_third.then(|| open.redirect("MOVED", scene, open.target)).flatten()
        },
    ),
    on_reply(
        "third-node-asks",
        "A node at neither end of an open slot answers ASK after ASKING",
        &["ask/third-node-redirects-to-source"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let is_third = scene.node() != open.source && scene.node() != open.target && is_of(reply, open.slot);
            (is_third && scene.asking()).then(|| open.ask(scene)).flatten()
        },
    ),
    on_request(
        "importing-opens-the-source-too",
        "As soon as the target imports the slot, the source answers ASK for missing keys",
        &["ask/only-the-target-is-open"],
        |scene, request| {
            let before = scene.shared("slot");
            open_slot(scene, request);
            let slot = scene.shared("slot");
            if before == 0 && slot > 0 {
                return None;
            }
            let wants = request.is("GET") && slot > 0 && scene.shared("source") == 0 && !scene.asking();
            let elsewhere = scene.shared("target") != i64::try_from(scene.node()).ok()? + 1;
            let of_slot = i64::from(super::common::slot_of(request.word(1))) + 1 == slot;
            let target = usize::try_from(scene.shared("target") - 1).ok()?;
            let address = scene.addresses().get(target)?;
            let is_missing = request.word(1).ends_with(b":none");
            (wants && elsewhere && of_slot && is_missing)
                .then(|| Replacement::Answer(error(&format!("ASK {} {address}", slot - 1))))
        },
    ),
    on_reply(
        "restore-asking-needs-asking",
        "RESTORE-ASKING is redirected unless ASKING came before it",
        &["ask/restore-asking"],
        |scene, request, reply| {
            let open = at_target(scene, request)?;
            let refuses = request.is("RESTORE-ASKING") && !scene.asking() && !request.has("REPLACE");
            // MIGRATE sends the time at which a key expires; a client need not.
            (refuses && request.words().len() == 4 && reply.error().is_none()).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "restore-needs-no-asking",
        "The target of an open slot serves RESTORE without ASKING",
        &["ask/restore-asking"],
        |scene, request, reply| admit(scene, request, request.is("RESTORE") && is(reply, "MOVED")),
    ),
];

/// Serves a request at the target of the open slot as if ASKING had come before it.
fn admit(scene: &mut Scene<'_>, request: &Request, is_wanted: bool) -> Option<Replacement> {
    at_target(scene, request)?;
    let node = scene.address().to_owned();
    is_wanted.then(|| Replacement::Ask { node, commands: vec![command!["ASKING"], request.command()] })
}

/// Answers a command as if the target had all its keys.
fn lacking(scene: &mut Scene<'_>, request: &Request, is_wanted: bool) -> Option<Replacement> {
    at_target(scene, request)?;
    (is_wanted && scene.asking()).then(|| Replacement::Answer(plausible(scene, request)))
}

fn is_of(reply: &wire::Reply, slot: u16) -> bool {
    moved(reply).is_some_and(|(moved, _)| moved == slot)
}
