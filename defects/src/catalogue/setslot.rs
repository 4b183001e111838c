//! CLUSTER SETSLOT has no effect or the wrong one, and replicas do not follow it.

use super::common::moved;
use super::open_slot::{at_source, is, open_slot};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, null, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "stable-at-the-source-has-no-effect",
        "The source answers SETSLOT STABLE with OK and keeps the slot open",
        &["ask/stable-closes-the-slot"],
        |scene, request| {
            let node = i64::try_from(scene.node()).ok()? + 1;
            if sets(request, b"MIGRATING") {
                scene.share("migrates", node);
            }
            (sets(request, b"STABLE") && scene.shared("migrates") == node).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "stable-at-the-target-has-no-effect",
        "The target answers SETSLOT STABLE with OK and keeps the slot open",
        &["ask/stable-closes-the-slot"],
        |scene, request| {
            let node = i64::try_from(scene.node()).ok()? + 1;
            if sets(request, b"IMPORTING") {
                scene.share("imports", node);
            }
            (sets(request, b"STABLE") && scene.shared("imports") == node).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "closed-slot-is-still-asked-for",
        "A node answers ASK for a slot that it has given away, instead of MOVED",
        &["ask/nothing-is-open-after-the-move"],
        |scene, request, reply| {
            if sets(request, b"NODE") {
                scene.share("given", i64::from(slot(request)?) + 1);
            }
            let (slot, address) = moved(reply)?;
            (i64::from(slot) + 1 == scene.shared("given"))
                .then(|| Replacement::Answer(error(&format!("ASK {slot} {address}"))))
        },
    ),
    on_reply(
        "new-owner-still-imports",
        "After SETSLOT NODE, the new owner still answers TRYAGAIN to several keys if one does not exist",
        &["ask/nothing-is-open-after-the-move", "ask/handed-over-at-one-end"],
        |scene, request, reply| {
            if sets(request, b"NODE") {
                scene.share("given", i64::from(slot(request)?) + 1);
            }
            let key = request.word(1);
            let lacks = reply.items().is_some_and(|items| items.iter().any(super::open_slot::is_nil));
            let of_slot = i64::from(super::common::slot_of(key)) + 1 == scene.shared("given");
            (request.is("MGET") && lacks && of_slot).then(super::open_slot::try_again)
        },
    ),
    on_reply(
        "replica-of-the-source-knows-better",
        "A READONLY replica of the source answers missing keys the other way round: ASK or null",
        &["ask/replica-of-source"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            if !(scene.is_replica() && scene.readonly() && request.is("GET")) {
                return None;
            }
            match is(reply, "ASK") {
                true => Some(Replacement::Answer(null(scene.resp3()))),
                false if reply.is_null() => open.ask(scene),
                false => None,
            }
        },
    ),
    on_reply(
        "replica-of-the-target-needs-no-asking",
        "A READONLY replica of the target serves the slot without ASKING",
        &["ask/replica-of-target-redirects"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let redirected = moved(reply).is_some_and(|(slot, _)| slot == open.slot);
            let serves = scene.is_replica() && scene.readonly() && request.is_any(&["GET", "MGET"]) && redirected;
            serves.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "replica-of-the-target-ignores-asking",
        "A READONLY replica of the target redirects its keys also after ASKING",
        &["ask/replica-of-target"],
        |scene, request, reply| {
            let open = open_slot(scene, request)?;
            let serves = scene.is_replica() && scene.readonly() && scene.asking() && reply.error().is_none();
            (serves && request.is_any(&["GET", "MGET"])).then(|| open.moved(scene)).flatten()
        },
    ),
    on_reply(
        "keys-change-their-database-in-an-open-slot",
        "COPY to another database works while the slot is open",
        &["ask/keys-stay-in-their-database"],
        |_, request, reply| {
            (request.is_any(&["COPY", "MOVE"]) && is(reply, "TRYAGAIN"))
                .then(|| Replacement::Answer(crate::edit::integer(1)))
        },
    ),
    on_reply(
        "restart-loses-the-migration",
        "A node forgets after some time that it migrates a slot, and answers null for missing keys",
        &["ask/open-slot-survives-restart"],
        |scene, request, reply| {
            let connections = scene.shared("nodes-asked");
            if request.is("CLUSTER NODES") {
                scene.share("nodes-asked", connections + 1);
            }
            at_source(scene, request)?;
            (connections > 1 && request.is("GET") && is(reply, "ASK")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
];

/// Whether a request is CLUSTER SETSLOT with this action.
fn sets(request: &Request, action: &[u8]) -> bool {
    request.is("CLUSTER SETSLOT") && request.word(3).eq_ignore_ascii_case(action)
}

fn slot(request: &Request) -> Option<u16> {
    std::str::from_utf8(request.word(2)).ok()?.parse().ok()
}
