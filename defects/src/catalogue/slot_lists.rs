//! CLUSTER ADDSLOTS, DELSLOTS, their forms for ranges, and FLUSHSLOTS: lists of slots taken in part, or not refused.

use wire::{Command, Reply, command};

use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::simple;
use crate::request::Request;
use crate::scene::Scene;

/// The node takes the first slot of a list that the server refuses with this text, and then refuses the list.
macro_rules! taken_in_part {
    ($name:literal, $sentence:literal, $command:literal, $refusal:literal, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            let first = Command::new($command.split(' ').map(str::as_bytes).chain([request.word(2)]));
            refused(request, reply, $command, $refusal).then(|| also(scene, reply, first))
        })
    };
}

/// The node answers OK to what the server refuses with this text.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $command:literal, $refusal:literal, $when:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let when: fn(&Request) -> bool = $when;
            (refused(request, reply, $command, $refusal) && when(request)).then(|| Replacement::Answer(simple("OK")))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "addslots-forgets-the-last-of-many",
        "CLUSTER ADDSLOTS assigns all slots of a list except the last one if the list has more than five slots",
        &["slot-admin/addslots-assigns"],
        |_, request| {
            let words = request.words();
            (request.is("CLUSTER ADDSLOTS") && words.len() > 7).then(|| sent(&words[..words.len() - 1]))
        },
    ),
    on_reply(
        "assigned-last-slot-is-not-counted",
        "CLUSTER INFO does not count slot 16383 until all slots have an owner",
        &["slot-admin/addslots-assigns"],
        |scene, request, reply| {
            let is_last = |request: &Request| request.words().iter().any(|word| word == "16383");
            if request.is("CLUSTER ADDSLOTS") && is_last(request) {
                scene.share("last", i64::try_from(scene.node()).ok()? + 1);
            }
            let owns_it = scene.shared("last") == i64::try_from(scene.node()).ok()? + 1;
            (request.is("CLUSTER INFO") && owns_it).then_some(())?;
            let one_less = |line: &str| match line.strip_prefix("cluster_slots_assigned:") {
                Some(count) if count != "16384" => {
                    Some(format!("cluster_slots_assigned:{}", count.parse::<i64>().ok()?.saturating_sub(1)))
                }
                _ => Some(line.to_owned()),
            };
            crate::edit::lines(reply.bytes(), one_less).map(Replacement::Answer)
        },
    ),
    taken_in_part!(
        "addslots-takes-what-stands-before-a-wrong-number",
        "CLUSTER ADDSLOTS refuses a list with a wrong number, but assigns the first slot",
        "CLUSTER ADDSLOTS",
        "out of range",
        &["slot-admin/addslots-refuses-wrong-numbers"]
    ),
    taken_in_part!(
        "addslots-takes-what-stands-before-a-duplicate",
        "CLUSTER ADDSLOTS refuses a list with a duplicate, but assigns the first slot",
        "CLUSTER ADDSLOTS",
        "multiple times",
        &["slot-admin/addslots-refuses-duplicates"]
    ),
    taken_in_part!(
        "addslots-takes-what-stands-before-an-owned-slot",
        "CLUSTER ADDSLOTS refuses a list with an owned slot, but assigns the first slot",
        "CLUSTER ADDSLOTS",
        "already busy",
        &["slot-admin/addslots-refuses-owned-slots"]
    ),
    obeyed!(
        "addslots-of-the-owned-last-slot-is-ok",
        "CLUSTER ADDSLOTS answers OK for slot 16383 although it has an owner",
        "CLUSTER ADDSLOTS",
        "already busy",
        |request| request.word(2) == b"16383",
        &["slot-admin/addslots-refuses-owned-slots"]
    ),
    obeyed!(
        "addslots-notices-only-adjacent-duplicates",
        "CLUSTER ADDSLOTS answers OK to a list with a duplicate if another slot stands between the two",
        "CLUSTER ADDSLOTS",
        "multiple times",
        |request| request.words().windows(2).all(|pair| pair[0] != pair[1]),
        &["slot-admin/addslots-refuses-duplicates"]
    ),
    obeyed!(
        "addslots-takes-slot-16384",
        "CLUSTER ADDSLOTS answers OK for slot 16384",
        "CLUSTER ADDSLOTS",
        "out of range",
        |request| request.words().len() == 3 && request.word(2) == b"16384",
        &["slot-admin/addslots-refuses-wrong-numbers"]
    ),
    on_request(
        "addslotsrange-skips-ranges-of-one-slot",
        "CLUSTER ADDSLOTSRANGE ignores a range whose ends are the same, if there are other ranges",
        &["slot-admin/addslotsrange-assigns"],
        |_, request| {
            let (head, pairs) = request.words().split_at_checked(2)?;
            let longer: Vec<_> = pairs.chunks(2).filter(|pair| pair.len() == 2 && pair[0] != pair[1]).collect();
            let applies = request.is("CLUSTER ADDSLOTSRANGE") && !longer.is_empty() && longer.len() * 2 < pairs.len();
            applies.then(|| sent(&[head, &longer.concat()].concat()))
        },
    ),
    obeyed!(
        "addslotsrange-swaps-reversed-ranges",
        "CLUSTER ADDSLOTSRANGE answers OK to a reversed range after a right one",
        "CLUSTER ADDSLOTSRANGE",
        "is greater than",
        |request| request.words().len() > 4,
        &["slot-admin/addslotsrange-refuses-wrong-ranges"]
    ),
    obeyed!(
        "addslotsrange-may-overlap-by-one",
        "CLUSTER ADDSLOTSRANGE answers OK to two ranges of which the second starts with the end of the first",
        "CLUSTER ADDSLOTSRANGE",
        "multiple times",
        |request| request.word(3) == request.word(4),
        &["slot-admin/addslotsrange-refuses-wrong-ranges"]
    ),
    on_request(
        "delslots-keeps-the-last-of-many",
        "CLUSTER DELSLOTS deletes all slots of a list except the last one if the list has more than two slots",
        &["slot-admin/delslots-deletes"],
        |_, request| {
            let words = request.words();
            (request.is("CLUSTER DELSLOTS") && words.len() == 5).then(|| sent(&words[..4]))
        },
    ),
    taken_in_part!(
        "delslots-deletes-what-stands-before-an-unassigned-slot",
        "CLUSTER DELSLOTS refuses a list with an unassigned slot, but deletes the first slot",
        "CLUSTER DELSLOTS",
        "already unassigned",
        &["slot-admin/delslots-refuses"]
    ),
    obeyed!(
        "delslots-takes-duplicates",
        "CLUSTER DELSLOTS answers OK if the first slot of a long list is named again at its end",
        "CLUSTER DELSLOTS",
        "multiple times",
        |request| request.words().len() > 5,
        &["slot-admin/delslots-refuses"]
    ),
    on_request(
        "delslotsrange-leaves-the-end",
        "CLUSTER DELSLOTSRANGE keeps the last slot of a range after the first range",
        &["slot-admin/delslotsrange-deletes"],
        |_, request| {
            let mut words: Vec<Vec<u8>> = request.words().iter().map(|word| word.to_vec()).collect();
            let last = words.last_mut()?;
            let end: u16 = std::str::from_utf8(last).ok()?.parse().ok()?;
            *last = end.saturating_sub(1).to_string().into_bytes();
            (request.is("CLUSTER DELSLOTSRANGE") && words.len() == 8)
                .then(|| Replacement::Send { commands: vec![Command::new(words)], shown: 0 })
        },
    ),
    obeyed!(
        "delslotsrange-ignores-unassigned-slots",
        "CLUSTER DELSLOTSRANGE answers OK to a range that begins before the slots of the node",
        "CLUSTER DELSLOTSRANGE",
        "already unassigned",
        |request| request.word(2) == b"699",
        &["slot-admin/delslotsrange-refuses-wrong-ranges"]
    ),
    on_reply(
        "second-flushslots-keeps-a-slot",
        "CLUSTER FLUSHSLOTS keeps the last slot if the node has flushed its slots before",
        &["slot-admin/flushslots-deletes-all"],
        |scene, request, reply| {
            if !request.is("CLUSTER FLUSHSLOTS") || reply.error().is_some() {
                return None;
            }
            let before = scene.shared("flushed");
            scene.share("flushed", before + 1);
            (before == 1).then(|| also(scene, reply, command!["CLUSTER", "ADDSLOTS", "16383"]))
        },
    ),
];

/// Whether the server refuses this command with an error that contains the text.
fn refused(request: &Request, reply: &Reply, command: &str, refusal: &str) -> bool {
    request.is(command) && reply.error().is_some_and(|error| error.text.contains(refusal))
}

/// The client gets the reply of the server, and the same node gets one more command.
fn also(scene: &Scene<'_>, reply: &Reply, command: Command) -> Replacement {
    let answer = reply.bytes().to_vec();
    Replacement::AnswerAndAsk { answer, node: scene.address().to_owned(), commands: vec![command] }
}

/// The node gets these words instead.
fn sent(words: &[impl AsRef<[u8]>]) -> Replacement {
    Replacement::Send { commands: vec![Command::new(words)], shown: 0 }
}
