//! CLUSTER SETSLOT and FLUSHSLOT accept what they should refuse, or leave something undone.

use wire::{Command, command};

use super::failover::of_node;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, integer, simple, text};
use crate::request::Request;

/// The node answers OK to a form of SETSLOT that the server refuses.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $when:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let when: fn(&Request, &str) -> bool = $when;
            let refused = request.is("CLUSTER SETSLOT") && when(request, &reply.error()?.text);
            refused.then(|| Replacement::Answer(simple("OK")))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    obeyed!(
        "slots-of-others-may-migrate",
        "SETSLOT MIGRATING answers OK on a node that does not own the slot, if the slot has another owner",
        |request, refusal| refusal.contains("not the owner") && request.word(2) == b"5",
        &["slot-admin/setslot-migrating-refuses"]
    ),
    obeyed!(
        "last-slot-may-migrate-to-nobody",
        "SETSLOT MIGRATING answers OK for slot 16383 and an unknown node",
        |request, _| request.word(2) == b"16383" && is(request, b"MIGRATING"),
        &["slot-admin/setslot-migrating-refuses"]
    ),
    obeyed!(
        "slots-may-migrate-to-replicas",
        "SETSLOT MIGRATING answers OK if the other node is a replica",
        |request, refusal| is(request, b"MIGRATING") && refusal.contains("not a master"),
        &["slot-admin/setslot-migrating-refuses"]
    ),
    obeyed!(
        "own-last-slot-may-be-imported",
        "SETSLOT IMPORTING answers OK for slot 16383 on its owner",
        |request, refusal| refusal.contains("already the owner") && request.word(2) == b"16383",
        &["slot-admin/setslot-importing-refuses"]
    ),
    obeyed!(
        "unassigned-slots-may-be-imported-from-nobody",
        "SETSLOT IMPORTING answers OK for an unknown node if the slot has no owner",
        |request, _| is(request, b"IMPORTING") && request.word(2) == b"7",
        &["slot-admin/setslot-importing-refuses"]
    ),
    obeyed!(
        "migrating-slot-may-go-to-nobody",
        "SETSLOT NODE answers OK for an unknown node",
        |request, refusal| is(request, b"NODE") && refusal.contains("nknown node"),
        &["slot-admin/setslot-node-refuses"]
    ),
    obeyed!(
        "slots-may-belong-to-replicas",
        "SETSLOT NODE answers OK for a replica on a node that does not own the slot",
        |request, refusal| is(request, b"NODE") && refusal.contains("not a master"),
        &["slot-admin/setslot-node-refuses-replicas"]
    ),
    obeyed!(
        "slots-with-keys-may-be-given-away",
        "SETSLOT NODE answers OK while the node holds keys of the slot",
        |request, refusal| is(request, b"NODE") && refusal.contains("still hold keys"),
        &["slot-admin/primary-with-keys"]
    ),
    on_request(
        "stable-closes-only-the-first-slot",
        "SETSLOT STABLE has no effect while the node has closed another slot before",
        &["slot-admin/setslot-stable"],
        |scene, request| {
            let note = of_node(scene)?;
            if request.is("CLUSTER SETSLOT") && is(request, b"MIGRATING") && request.word(2) == b"16383" {
                scene.share(note, 1);
            }
            let ignored = scene.shared(note) == 1 && request.is("CLUSTER SETSLOT 16383 STABLE");
            ignored.then(|| Replacement::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        },
    ),
    on_reply(
        "closed-slots-cannot-be-closed",
        "SETSLOT STABLE is refused for a slot that is not open at its owner",
        &["slot-admin/setslot-stable"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if !request.is("CLUSTER SETSLOT") || reply.error().is_some() {
                return None;
            }
            let before = scene.shared(note);
            scene.share(note, i64::from(!is(request, b"STABLE")));
            (is(request, b"STABLE") && before == 0).then(|| Replacement::Answer(error("ERR The slot is not open")))
        },
    ),
    obeyed!(
        "setslot-takes-unknown-actions",
        "SETSLOT answers OK for an unknown action with the id of a node",
        |request, _| is(request, b"MOVING") && request.words().len() == 5,
        &["slot-admin/setslot-refuses-other-words"]
    ),
    obeyed!(
        "setslot-keeps-16-bits",
        "SETSLOT IMPORTING takes slot 65541 for slot 5",
        |request, _| is(request, b"IMPORTING") && request.word(2) == b"65541",
        &["slot-admin/setslot-refuses-other-words"]
    ),
    obeyed!(
        "replicas-take-stable",
        "A replica answers OK to SETSLOT STABLE",
        |request, refusal| is(request, b"STABLE") && refusal.contains("only with masters"),
        &["slot-admin/setslot-on-a-replica"]
    ),
    obeyed!(
        "setslot-takes-negative-timeouts",
        "SETSLOT STABLE answers OK for a negative TIMEOUT",
        |request, _| is(request, b"STABLE") && request.word(5) == b"-1",
        &["slot-admin/setslot-timeout"]
    ),
    on_reply(
        "replica-shows-imports-late",
        "A replica does not show which slots its primary imports",
        &["slot-admin/setslot-reaches-replicas-first"],
        |_, request, reply| {
            let hidden = |list: &str| {
                let hide = |line: &str| match (line.contains("myself,slave"), line.split_once(" [")) {
                    (true, Some((before, rest))) if rest.contains("-<-") => before.to_owned(),
                    _ => line.to_owned(),
                };
                list.lines().map(|line| hide(line) + "\n").collect()
            };
            request.is("CLUSTER NODES").then(|| text(reply.bytes(), hidden))?.map(Replacement::Answer)
        },
    ),
    on_request(
        "setslot-does-not-wait-for-replicas",
        "SETSLOT answers OK at once if it has a TIMEOUT, also without its replica",
        &["slot-admin/setslot-without-its-replica"],
        |_, request| {
            let waits = request.is("CLUSTER SETSLOT") && request.word(5).eq_ignore_ascii_case(b"TIMEOUT");
            (waits && request.word(6) == b"100").then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "flushslot-async-does-nothing",
        "CLUSTER FLUSHSLOT with ASYNC answers OK and deletes nothing",
        &["slot-admin/flushslot-deletes-the-keys"],
        |_, request| {
            let ignored = request.is("CLUSTER FLUSHSLOT") && request.word(3) == b"ASYNC";
            ignored.then(|| Replacement::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        },
    ),
    on_request(
        "flushslot-flushes-the-database",
        "CLUSTER FLUSHSLOT deletes the keys of all slots",
        &["slot-admin/flushslot-deletes-the-keys"],
        |_, request| {
            let plain = request.is("CLUSTER FLUSHSLOT") && request.words().len() == 3;
            let commands = vec![request.command(), Command::new(["FLUSHALL"])];
            plain.then_some(Replacement::Send { commands, shown: 0 })
        },
    ),
    on_reply(
        "flushed-slots-are-counted-on-replicas",
        "A replica still counts a key in a slot without keys after CLUSTER FLUSHSLOT",
        &["slot-admin/flushslot-deletes-the-keys"],
        |scene, request, reply| {
            if request.is("CLUSTER FLUSHSLOT") {
                scene.share("flushed", 1);
            }
            let counts = request.is("CLUSTER COUNTKEYSINSLOT") && scene.is_replica() && scene.shared("flushed") == 1;
            (counts && reply.integer() == Some(0)).then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_request(
        "resetstat-spares-the-cluster",
        "CONFIG RESETSTAT does not set the message counts of CLUSTER INFO back",
        &["slot-admin/resetstat-clears-message-counts"],
        |_, request| {
            let nothing = command!["READWRITE"];
            request.is("CONFIG RESETSTAT").then(|| Replacement::Send { commands: vec![nothing], shown: 0 })
        },
    ),
];

/// Whether this is the action of a SETSLOT.
fn is(request: &Request, action: &[u8]) -> bool {
    request.word(3).eq_ignore_ascii_case(action)
}
