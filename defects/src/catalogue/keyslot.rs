//! CLUSTER KEYSLOT as a command: who answers it, when, and in which form.

use crc::{CRC_16_XMODEM, Crc};
use wire::{Reply, SLOT_COUNT, Slot};

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{bulk, error, integer, simple};
use crate::request::Request;
use crate::scene::Scene;

/// CLUSTER KEYSLOT gives a slot by another rule.
macro_rules! miscomputes {
    ($name:literal, $sentence:literal, $slot:expr, $fails:expr) => {
        $crate::defect::Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: $crate::defect::Lie::Reply(|scene, request, reply| {
                let slot: fn(&[u8]) -> u16 = $slot;
                $crate::catalogue::keyslot::computed(scene, request, reply, slot)
            }),
        }
    };
}
pub(super) use miscomputes;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "keyslot-is-a-string-in-resp3",
        sentence: "CLUSTER KEYSLOT answers a string in RESP3",
        fails: &["keyslot/integer-in-resp3"],
        lie: Lie::Reply(|scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            scene.resp3().then(|| Instead::Say(bulk(slot.to_string())))
        }),
    },
    Defect {
        name: "keyslot-is-a-status-in-resp2",
        sentence: "CLUSTER KEYSLOT answers its number as a simple string in RESP2",
        fails: &[
            "down/slot-without-owner",
            "errors/case-does-not-matter",
            "keyslot/agrees-with-our-own-slots",
            "keyslot/answers-on-every-node",
            "keyslot/answers-while-down",
            "keyslot/integer-in-resp2",
            "keyslot/leaves-no-key",
            "keyslot/takes-any-bytes",
            "slots/binary-keys",
            "slots/case-matters",
            "slots/closing-brace-before-the-opening-one",
            "slots/crc16-*",
            "slots/empty-key",
            "slots/ends-of-the-range",
            "slots/evenly-filled",
            "slots/every-slot-has-keys",
            "slots/long-keys",
            "slots/routing-agrees",
            "slots/tag-*",
            "slots/utf8-keys",
            "slots/whitespace-counts",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            (!scene.resp3()).then(|| Instead::Say(simple(&slot.to_string())))
        }),
    },
    Defect {
        name: "keyslot-redirects-on-replicas",
        sentence: "A replica redirects CLUSTER KEYSLOT as if the key were read",
        fails: &["keyslot/answers-on-every-node", "moved/answers-cluster-keyslot-everywhere"],
        lie: Lie::Reply(|scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            let moved = || error(&format!("MOVED {slot} {}", scene.addresses()[0]));
            (3..6).contains(&scene.node()).then(|| Instead::Say(moved()))
        }),
    },
    Defect {
        name: "keyslot-is-zero-on-one-replica",
        sentence: "One replica answers CLUSTER KEYSLOT with 0, as if it had no table",
        fails: &["keyslot/answers-on-every-node"],
        lie: Lie::Reply(|scene, request, reply| {
            asked(scene, request, reply)?;
            (scene.node() == 5).then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "keyslot-is-refused-while-the-cluster-is-down",
        sentence: "A node whose cluster is down refuses CLUSTER KEYSLOT",
        fails: &["keyslot/answers-while-down"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("CLUSTER INFO") {
                *scene.note("down") = i64::from(reply.text()?.contains("cluster_state:fail"));
            }
            asked(scene, request, reply)?;
            (*scene.note("down") == 1).then(|| Instead::Say(error("CLUSTERDOWN The cluster is down")))
        }),
    },
    Defect {
        name: "keyslot-is-not-queued",
        sentence: "CLUSTER KEYSLOT answers at once between MULTI and EXEC",
        fails: &[
            "keyslot/queued-in-multi",
            "transactions/connection-commands-queue",
            "transactions/keyless-runs-everywhere",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let queued = scene.in_transaction() && request.is("CLUSTER KEYSLOT") && reply.text()? == "QUEUED";
            queued.then(|| Instead::Say(integer(Slot::of(request.word(2)).number().into())))
        }),
    },
    Defect {
        name: "keyslot-refuses-the-empty-key",
        sentence: "CLUSTER KEYSLOT takes the empty key for none and refuses it",
        fails: &[
            "keyslot/agrees-with-our-own-slots",
            "keyslot/answers-while-down",
            "keyslot/takes-any-bytes",
            "slots/empty-key",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            asked(scene, request, reply)?;
            request
                .word(2)
                .is_empty()
                .then(|| Instead::Say(error("ERR wrong number of arguments for 'cluster|keyslot'")))
        }),
    },
    Defect {
        name: "keyslot-makes-the-key",
        sentence: "CLUSTER KEYSLOT looks its key up in a way that makes it",
        fails: &["keyslot/leaves-no-key"],
        lie: Lie::Reply(|scene, request, reply| {
            if asked(scene, request, reply).is_some() {
                *scene.note("asked") += 1;
            }
            let makes = request.is("EXISTS") && reply.integer() == Some(0) && *scene.note("asked") > 0;
            makes.then(|| Instead::Say(integer(1)))
        }),
    },
    Defect {
        name: "keyslot-takes-the-first-of-two-keys",
        sentence: "CLUSTER KEYSLOT takes the first of several keys and does not look at the others",
        fails: &["errors/arity-of-keyslot-of-two-keys", "keyslot/needs-exactly-one-key"],
        lie: Lie::Reply(|_, request, reply| {
            let takes = request.is("CLUSTER KEYSLOT") && request.words().len() > 3 && code(reply)? == "ERR";
            takes.then(|| Instead::Say(integer(Slot::of(request.word(2)).number().into())))
        }),
    },
    Defect {
        name: "keyslot-without-a-key-is-zero",
        sentence: "CLUSTER KEYSLOT without a key answers with the slot of the empty key",
        fails: &["errors/arity-of-keyslot-without-a-key", "keyslot/needs-exactly-one-key"],
        lie: Lie::Reply(|_, request, reply| {
            let takes = request.is("CLUSTER KEYSLOT") && request.words().len() == 2 && code(reply)? == "ERR";
            takes.then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "keyslot-takes-two-equal-keys",
        sentence: "CLUSTER KEYSLOT takes several keys as long as they are equal",
        fails: &["keyslot/needs-exactly-one-key"],
        lie: Lie::Reply(|_, request, reply| {
            let equal = request.words().len() > 3 && request.words()[2..].windows(2).all(|two| two[0] == two[1]);
            let takes = equal && request.is("CLUSTER KEYSLOT") && code(reply)? == "ERR";
            takes.then(|| Instead::Say(integer(Slot::of(request.word(2)).number().into())))
        }),
    },
    Defect {
        name: "keyslot-repeats-itself-in-a-pipeline",
        sentence: "The hundredth CLUSTER KEYSLOT of a connection, and each after it, is answered with an earlier slot",
        fails: &["keyslot/agrees-with-our-own-slots", "slots/evenly-filled", "slots/every-slot-has-keys"],
        lie: Lie::Reply(|scene, request, reply| {
            let slot = asked(scene, request, reply)?;
            *scene.note("asked") += 1;
            if *scene.note("asked") < 100 {
                *scene.note("slot") = slot;
            }
            Some(Instead::Say(integer(*scene.note("slot"))))
        }),
    },
];

/// The slot that the node gave for a key, outside of transactions.
///
/// What a server without cluster support computes is left alone: some do, and some refuse.
fn asked(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> Option<i64> {
    if reply.error().is_some_and(|error| error.text.contains("cluster support disabled")) {
        *scene.note("disabled") = 1;
    }
    (request.is("CLUSTER KEYSLOT") && *scene.note("disabled") == 0).then(|| reply.integer())?
}

/// A slot instead of the node's.
pub(super) fn computed(
    scene: &mut Scene<'_>,
    request: &Request,
    reply: &Reply,
    slot: fn(&[u8]) -> u16,
) -> Option<Instead> {
    asked(scene, request, reply)?;
    Some(Instead::Say(integer(slot(request.word(2)).into())))
}

/// The slot of these bytes, whatever braces are among them.
pub(super) fn hash(bytes: &[u8]) -> u16 {
    crc(bytes) % SLOT_COUNT
}

/// The CRC16 that clusters use.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    const XMODEM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    XMODEM.checksum(bytes)
}
