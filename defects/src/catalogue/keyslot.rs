//! CLUSTER KEYSLOT answers on the wrong nodes, at the wrong time, or in the wrong form.

use crc::{CRC_16_XMODEM, Crc};
use wire::{Reply, SLOT_COUNT, Slot};

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{bulk, error, integer, simple};
use crate::request::Request;
use crate::scene::Scene;

/// CLUSTER KEYSLOT computes the slot by another rule.
macro_rules! miscomputes {
    ($name:literal, $sentence:literal, $slot:expr, $caught_by:expr) => {
        $crate::defect::on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            let slot: fn(&[u8]) -> u16 = $slot;
            $crate::catalogue::keyslot::computed(scene, request, reply, slot)
        })
    };
}
pub(super) use miscomputes;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "keyslot-is-a-string-in-resp3",
        "CLUSTER KEYSLOT returns a string in RESP3",
        &["keyslot/integer-in-resp3"],
        |scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            scene.resp3().then(|| Replacement::Answer(bulk(slot.to_string())))
        },
    ),
    on_reply(
        "keyslot-is-a-status-in-resp2",
        "CLUSTER KEYSLOT returns its number as a simple string in RESP2",
        &["keyslot/integer-in-resp2"],
        |scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            (!scene.resp3()).then(|| Replacement::Answer(simple(&slot.to_string())))
        },
    ),
    on_reply(
        "keyslot-redirects-on-replicas",
        "A replica redirects CLUSTER KEYSLOT as if the command read the key",
        &["keyslot/answers-on-every-node", "moved/answers-cluster-keyslot-everywhere"],
        |scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            let moved = || error(&format!("MOVED {slot} {}", scene.addresses()[0]));
            (3..6).contains(&scene.node()).then(|| Replacement::Answer(moved()))
        },
    ),
    on_reply(
        "keyslot-is-zero-on-one-replica",
        "One replica answers 0 to every CLUSTER KEYSLOT",
        &["keyslot/answers-on-every-node"],
        |scene, request, reply| {
            asked(scene, request, reply)?;
            (scene.node() == 5).then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "keyslot-is-refused-while-the-cluster-is-down",
        "A node refuses CLUSTER KEYSLOT while its cluster is down",
        &["keyslot/answers-while-down"],
        |scene, request, reply| {
            if request.is("CLUSTER INFO") {
                *scene.note("down") = i64::from(reply.text()?.contains("cluster_state:fail"));
            }
            asked(scene, request, reply)?;
            (*scene.note("down") == 1).then(|| Replacement::Answer(error("CLUSTERDOWN The cluster is down")))
        },
    ),
    on_reply(
        "keyslot-is-not-queued",
        "CLUSTER KEYSLOT runs at once between MULTI and EXEC",
        &["keyslot/queued-in-multi"],
        |scene, request, reply| {
            let queued = scene.in_transaction() && request.is("CLUSTER KEYSLOT") && reply.text()? == "QUEUED";
            queued.then(|| Replacement::Answer(integer(Slot::of(request.word(2)).number().into())))
        },
    ),
    on_reply(
        "keyslot-refuses-the-empty-key",
        "CLUSTER KEYSLOT refuses the empty key as if the key were missing",
        &["slots/empty-key"],
        |scene, request, reply| {
            asked(scene, request, reply)?;
            request
                .word(2)
                .is_empty()
                .then(|| Replacement::Answer(error("ERR wrong number of arguments for 'cluster|keyslot'")))
        },
    ),
    on_reply(
        "keyslot-makes-the-key",
        "CLUSTER KEYSLOT creates the key that it is asked about",
        &["keyslot/leaves-no-key"],
        |scene, request, reply| {
            if asked(scene, request, reply).is_some() {
                *scene.note("asked") += 1;
            }
            let makes = request.is("EXISTS") && reply.integer() == Some(0) && *scene.note("asked") > 0;
            makes.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "keyslot-takes-the-first-of-two-keys",
        "CLUSTER KEYSLOT uses the first of several keys and ignores the others",
        &["errors/arity-of-keyslot-of-two-keys", "keyslot/needs-exactly-one-key"],
        |_, request, reply| {
            let takes = request.is("CLUSTER KEYSLOT") && request.words().len() > 3 && code(reply)? == "ERR";
            takes.then(|| Replacement::Answer(integer(Slot::of(request.word(2)).number().into())))
        },
    ),
    on_reply(
        "keyslot-without-a-key-is-zero",
        "CLUSTER KEYSLOT without a key returns the slot of the empty key",
        &["errors/arity-of-keyslot-without-a-key", "keyslot/needs-exactly-one-key"],
        |_, request, reply| {
            let takes = request.is("CLUSTER KEYSLOT") && request.words().len() == 2 && code(reply)? == "ERR";
            takes.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "keyslot-takes-two-equal-keys",
        "CLUSTER KEYSLOT accepts several keys if they are equal",
        &["keyslot/needs-exactly-one-key"],
        |_, request, reply| {
            let equal = request.words().len() > 3 && request.words()[2..].windows(2).all(|two| two[0] == two[1]);
            let takes = equal && request.is("CLUSTER KEYSLOT") && code(reply)? == "ERR";
            takes.then(|| Replacement::Answer(integer(Slot::of(request.word(2)).number().into())))
        },
    ),
    on_reply(
        "keyslot-repeats-itself-in-a-pipeline",
        "From the 100th call on a connection, CLUSTER KEYSLOT returns an earlier slot",
        &["keyslot/agrees-with-our-own-slots", "slots/evenly-filled", "slots/every-slot-has-keys"],
        |scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            *scene.note("asked") += 1;
            if *scene.note("asked") < 100 {
                *scene.note("slot") = slot;
            }
            Some(Replacement::Answer(integer(*scene.note("slot"))))
        },
    ),
];

/// Returns the slot that the node computed for a key, outside of transactions.
///
/// A server without cluster support is left out: some compute the slot, and some refuse.
fn asked(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> Option<i64> {
    if reply.error().is_some_and(|error| error.text.contains("cluster support disabled")) {
        *scene.note("disabled") = 1;
    }
    (request.is("CLUSTER KEYSLOT") && *scene.note("disabled") == 0).then(|| reply.integer())?
}

/// Returns another slot than the node.
pub(super) fn computed(
    scene: &mut Scene<'_>,
    request: &Request,
    reply: &Reply,
    slot: fn(&[u8]) -> u16,
) -> Option<Replacement> {
    asked(scene, request, reply)?;
    Some(Replacement::Answer(integer(slot(request.word(2)).into())))
}

/// Returns the slot of these bytes without looking for a hash tag.
pub(super) fn hash(bytes: &[u8]) -> u16 {
    crc(bytes) % SLOT_COUNT
}

/// Returns the CRC16 that clusters use.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    const XMODEM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    XMODEM.checksum(bytes)
}
