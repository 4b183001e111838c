//! A node accepts wrong node ids or slot numbers, or changes something although it refuses the call.

use wire::Command;

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{array, integer, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The node accepts calls that it should refuse, if they fit.
macro_rules! takes {
    ($name:literal, $sentence:literal, $commands:expr, $fits:expr, $answer:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let fits: fn(&Request) -> bool = $fits;
            (request.is_any($commands) && fits(request) && code(reply)? == "ERR").then(|| Replacement::Answer($answer))
        })
    };
}

/// The node reads slot numbers as other ones.
macro_rules! reads_slots {
    ($name:literal, $sentence:literal, $commands:expr, $read:expr, $caught_by:expr) => {
        on_request($name, $sentence, $caught_by, |_, request| {
            let read: fn(&str) -> Option<u128> = $read;
            read_as(request, $commands, read)
        })
    };
}

const COUNT: &[&str] = &["CLUSTER COUNTKEYSINSLOT"];
const LIST: &[&str] = &["CLUSTER GETKEYSINSLOT"];
const OF_NODES: &[&str] = &["CLUSTER REPLICAS", "CLUSTER SLAVES"];
const REPORTS: &[&str] = &["CLUSTER COUNT-FAILURE-REPORTS"];
/// The commands that change the cluster and have a node id as their argument.
const WITH_ID: &[&str] = &["CLUSTER FORGET", "CLUSTER REPLICATE"];

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    takes!(
        "replicas-of-nobody-are-none",
        "CLUSTER REPLICAS and SLAVES return an empty list for an unknown node",
        OF_NODES,
        |request| is_id(request.word(2)) && request.words().len() == 3,
        array(&[]),
        &["errors/unknown-node-id"]
    ),
    takes!(
        "slaves-of-nobody-are-none",
        "CLUSTER SLAVES returns an empty list for an unknown node",
        &["CLUSTER SLAVES"],
        |request| is_id(request.word(2)),
        array(&[]),
        &["errors/node-id-is-exact", "errors/unknown-node-id"]
    ),
    takes!(
        "failure-reports-on-nobody-are-none",
        "CLUSTER COUNT-FAILURE-REPORTS answers 0 for an unknown node",
        REPORTS,
        |request| is_id(request.word(2)) && request.words().len() == 3,
        integer(0),
        &["errors/node-id-is-exact", "errors/unknown-node-id"]
    ),
    takes!(
        "node-ids-may-be-cut",
        "CLUSTER REPLICAS accepts the first characters of an id",
        OF_NODES,
        |request| (1..40).contains(&request.word(2).len()) && request.word(2).iter().all(u8::is_ascii_hexdigit),
        array(&[]),
        &["errors/node-id-is-exact"]
    ),
    on_request(
        "node-ids-may-be-in-upper-case",
        "CLUSTER COUNT-FAILURE-REPORTS ignores case when it compares ids",
        &["errors/node-id-is-exact"],
        |_, request| {
            let upper = request.is_any(REPORTS) && is_id(request.word(2)) && request.words().len() == 3;
            let id = request.word(2).to_ascii_lowercase();
            (upper && id != request.word(2)).then(|| replaced(request, &id))
        },
    ),
    on_request(
        "node-ids-may-be-too-long",
        "CLUSTER SLAVES reads only the first forty characters of an id",
        &["errors/node-id-is-exact"],
        |_, request| {
            let long = request.is("CLUSTER SLAVES") && request.word(2).len() > 40;
            long.then(|| replaced(request, &request.word(2)[..40]))
        },
    ),
    reads_slots!(
        "countkeysinslot-reads-a-sign",
        "CLUSTER COUNTKEYSINSLOT accepts a slot with a plus sign before it",
        COUNT,
        |text| text.strip_prefix('+')?.parse().ok(),
        &["errors/slot-number-is-exact"]
    ),
    reads_slots!(
        "countkeysinslot-reads-leading-zeros",
        "CLUSTER COUNTKEYSINSLOT accepts a slot with leading zeros",
        COUNT,
        |text| text.strip_prefix('0').filter(|rest| !rest.is_empty())?.parse().ok(),
        &["errors/slot-number-is-exact"]
    ),
    reads_slots!(
        "getkeysinslot-reads-up-to-the-first-letter",
        "CLUSTER GETKEYSINSLOT reads the leading digits of its slot and ignores the rest",
        LIST,
        |text| {
            let end = text.find(|letter: char| !letter.is_ascii_digit()).filter(|end| *end > 0)?;
            text[..end].parse().ok()
        },
        &["errors/slot-number-is-exact"]
    ),
    reads_slots!(
        "getkeysinslot-reads-slots-in-16-bits",
        "CLUSTER GETKEYSINSLOT stores the number of a slot in 16 bits",
        LIST,
        |text| text.parse().ok().filter(|number| *number > 65_535).map(|number: u128| number % (1 << 16)),
        &["errors/slot-number-is-exact", "slots/sixteen-thousand-and-no-more"]
    ),
    reads_slots!(
        "countkeysinslot-reads-slots-in-32-bits",
        "CLUSTER COUNTKEYSINSLOT stores the number of a slot in 32 bits",
        COUNT,
        |text| text.parse().ok().filter(|number| *number >= 1 << 32).map(|number: u128| number % (1 << 32)),
        &["errors/slot-number-is-exact"]
    ),
    reads_slots!(
        "countkeysinslot-takes-slots-modulo-16384",
        "CLUSTER COUNTKEYSINSLOT uses the number of a slot modulo 16384",
        COUNT,
        |text| text.parse().ok().filter(|number| (16_385..65_536).contains(number)).map(|number: u128| number % 16_384),
        &["errors/slot-number-is-exact"]
    ),
    reads_slots!(
        "getkeysinslot-trims-its-slot",
        "CLUSTER GETKEYSINSLOT accepts a slot with spaces around it",
        LIST,
        |text| (text.trim() != text).then(|| text.trim().parse().ok())?,
        &["errors/slot-number-is-exact"]
    ),
    takes!(
        "getkeysinslot-reads-a-signed-count",
        "CLUSTER GETKEYSINSLOT accepts a count with a plus sign before it",
        LIST,
        |request| request.word(3).starts_with(b"+"),
        array(&[]),
        &["errors/slot-number-is-exact"]
    ),
    takes!(
        "getkeysinslot-takes-a-negative-count-for-none",
        "CLUSTER GETKEYSINSLOT treats a negative count as 0",
        LIST,
        |request| request.word(3).starts_with(b"-"),
        array(&[]),
        &["errors/known-first-word"]
    ),
    takes!(
        "forget-of-nobody-is-ok",
        "CLUSTER FORGET answers OK for an unknown node",
        &["CLUSTER FORGET"],
        |request| is_id(request.word(2)) && request.words().len() == 3,
        simple("OK"),
        &["errors/misspelt-changes-change-nothing", "errors/refused-changes-change-nothing"]
    ),
    takes!(
        "replicate-of-nobody-is-ok",
        "CLUSTER REPLICATE answers OK for an unknown node",
        &["CLUSTER REPLICATE"],
        |request| request.word(2).starts_with(b"0123456789"),
        simple("OK"),
        &["errors/refused-changes-change-nothing"]
    ),
    takes!(
        "setslot-to-nobody-is-ok",
        "CLUSTER SETSLOT NODE answers OK for an unknown id",
        &["CLUSTER SETSLOT"],
        |request| request.word(3).eq_ignore_ascii_case(b"NODE") && request.word(4).starts_with(b"0123456789"),
        simple("OK"),
        &["errors/refused-changes-change-nothing"]
    ),
    takes!(
        "meet-needs-no-address",
        "CLUSTER MEET answers OK for a host that is not an address",
        &["CLUSTER MEET no-address"],
        |_| true,
        simple("OK"),
        &["errors/refused-changes-change-nothing"]
    ),
    takes!(
        "failover-takes-any-word",
        "CLUSTER FAILOVER answers OK for an unknown option",
        &["CLUSTER FAILOVER x"],
        |_| true,
        simple("OK"),
        &["errors/refused-changes-change-nothing"]
    ),
    on_request(
        "setslot-drops-the-slot-before-it-refuses",
        "CLUSTER SETSLOT refuses an unknown word, but removes the owner of the slot",
        &["errors/refused-changes-change-nothing"],
        |_, request| {
            let refused = request.is("CLUSTER SETSLOT") && request.word(3) == b"x" && request.words().len() == 4;
            let drop = Command::new([&b"CLUSTER"[..], b"DELSLOTS", request.word(2)]);
            refused.then(|| Replacement::Send { commands: vec![drop, request.command()], shown: 1 })
        },
    ),
    takes!(
        "changes-take-cut-node-ids",
        "CLUSTER FORGET and REPLICATE accept the first characters of an id",
        WITH_ID,
        |request| (8..40).contains(&request.word(2).len()) && request.word(2).iter().all(u8::is_ascii_hexdigit),
        simple("OK"),
        &["errors/misspelt-changes-change-nothing"]
    ),
    takes!(
        "delslots-reads-leading-zeros",
        "CLUSTER DELSLOTS accepts a slot with leading zeros",
        &["CLUSTER DELSLOTS"],
        |request| request.word(2).starts_with(b"0") && request.word(2).len() > 1,
        simple("OK"),
        &["errors/misspelt-changes-change-nothing"]
    ),
    takes!(
        "setslot-stable-ignores-extra-words",
        "CLUSTER SETSLOT STABLE ignores extra arguments",
        &["CLUSTER SETSLOT"],
        |request| request.word(3).eq_ignore_ascii_case(b"STABLE") && request.words().len() > 4,
        simple("OK"),
        &["errors/setslot-refuses-extra-words"]
    ),
    on_reply(
        "asking-and-cluster-answer-without-cluster-support",
        "A server without cluster support answers OK to CLUSTER and ASKING",
        &["errors/cluster-disabled"],
        |scene, request, reply| without_support(scene, request, reply.error()?.text.as_str()),
    ),
];

fn without_support(_: &Scene<'_>, request: &Request, text: &str) -> Option<Replacement> {
    let disabled = request.is_any(&["CLUSTER", "ASKING"]) && text.contains("cluster support disabled");
    disabled.then(|| Replacement::Answer(simple("OK")))
}

fn is_id(word: &[u8]) -> bool {
    word.len() == 40 && word.iter().all(u8::is_ascii_hexdigit)
}

/// Sends the same call with another third word.
fn replaced(request: &Request, word: &[u8]) -> Replacement {
    let mut words: Vec<&[u8]> = request.words().iter().map(AsRef::as_ref).collect();
    words[2] = word;
    Replacement::Send { commands: vec![Command::new(words)], shown: 0 }
}

/// Sends the same call with the slot that the node reads, if that is another one.
fn read_as(request: &Request, commands: &[&str], read: impl Fn(&str) -> Option<u128>) -> Option<Replacement> {
    let text = std::str::from_utf8(request.word(2)).ok().filter(|_| request.is_any(commands))?;
    let number = read(text)?.to_string();
    (request.words().len() > 2 && number != text).then(|| replaced(request, number.as_bytes()))
}
