//! A node accepts calls with missing or extra arguments, or names in the wrong case.

use wire::Command;

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{array, bulk, error, integer, simple};
use crate::request::Request;

/// Commands ignore their words from a position on.
macro_rules! ignores_words {
    ($name:literal, $sentence:literal, $from:literal, $commands:expr, $caught_by:expr) => {
        on_request($name, $sentence, $caught_by, |_, request| {
            request.is_any($commands).then(|| without_words(request, $from))?
        })
    };
}

/// A command returns an answer although it lacks an argument.
macro_rules! answers {
    ($name:literal, $sentence:literal, $words:literal, $commands:expr, $answer:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let bare = request.words().len() == $words && request.is_any($commands) && code(reply)? == "ERR";
            bare.then(|| Replacement::Answer($answer))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    ignores_words!(
        "views-ignore-extra-words",
        "CLUSTER INFO, NODES, SLOTS, SHARDS and LINKS ignore extra arguments",
        2,
        &["CLUSTER INFO", "CLUSTER NODES", "CLUSTER SLOTS", "CLUSTER SHARDS", "CLUSTER LINKS"],
        &["errors/arity-of-info", "errors/arity-of-nodes", "errors/arity-of-shards"]
    ),
    ignores_words!(
        "ids-ignore-extra-words",
        "CLUSTER MYID and MYSHARDID ignore extra arguments",
        2,
        &["CLUSTER MYID", "CLUSTER MYSHARDID"],
        &["errors/arity-of-myid", "errors/arity-of-myshardid"]
    ),
    ignores_words!(
        "help-ignores-extra-words",
        "CLUSTER HELP accepts the name of a subcommand and ignores it",
        2,
        &["CLUSTER HELP"],
        &["errors/arity-of-help"]
    ),
    ignores_words!(
        "countkeysinslot-counts-the-first-of-two-slots",
        "CLUSTER COUNTKEYSINSLOT accepts several slots and counts the keys of the first",
        3,
        &["CLUSTER COUNTKEYSINSLOT"],
        &["errors/arity-of-countkeysinslot-of-two-slots"]
    ),
    ignores_words!(
        "getkeysinslot-ignores-extra-words",
        "CLUSTER GETKEYSINSLOT ignores the arguments after its count",
        4,
        &["CLUSTER GETKEYSINSLOT"],
        &["errors/arity-of-getkeysinslot-with-too-much"]
    ),
    ignores_words!(
        "replicas-lists-those-of-the-first-of-two-nodes",
        "CLUSTER REPLICAS accepts several ids and lists the replicas of the first",
        3,
        &["CLUSTER REPLICAS"],
        &["errors/arity-of-replicas-of-two-ids"]
    ),
    ignores_words!(
        "count-failure-reports-of-the-first-of-two-nodes",
        "CLUSTER COUNT-FAILURE-REPORTS accepts several ids and counts the reports about the first",
        3,
        &["CLUSTER COUNT-FAILURE-REPORTS"],
        &["errors/arity-of-count-failure-reports-of-two-ids"]
    ),
    ignores_words!(
        "readonly-ignores-extra-words",
        "READONLY and READWRITE ignore extra arguments",
        1,
        &["READONLY", "READWRITE"],
        &["errors/arity-of-readonly", "errors/arity-of-readwrite"]
    ),
    ignores_words!(
        "asking-takes-a-slot",
        "ASKING accepts an argument and ignores it",
        1,
        &["ASKING"],
        &["errors/arity-of-asking"]
    ),
    answers!(
        "cluster-alone-is-help",
        "CLUSTER without a subcommand answers like CLUSTER HELP",
        1,
        &["CLUSTER"],
        array(&[simple("CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"), simple("HELP")]),
        &["errors/cluster-alone"]
    ),
    answers!(
        "countkeysinslot-without-a-slot-is-zero",
        "CLUSTER COUNTKEYSINSLOT without a slot answers 0",
        2,
        &["CLUSTER COUNTKEYSINSLOT"],
        integer(0),
        &["errors/arity-of-countkeysinslot-without-a-slot"]
    ),
    answers!(
        "getkeysinslot-needs-no-count",
        "CLUSTER GETKEYSINSLOT without a count lists all keys of the slot",
        3,
        &["CLUSTER GETKEYSINSLOT"],
        array(&[]),
        &["errors/arity-of-getkeysinslot-without-a-count"]
    ),
    answers!(
        "replicas-without-an-id-lists-the-nodes-own",
        "CLUSTER REPLICAS and SLAVES without an id list the replicas of the node itself",
        2,
        &["CLUSTER REPLICAS", "CLUSTER SLAVES"],
        array(&[]),
        &["errors/arity-of-replicas-without-an-id", "errors/arity-of-slaves-without-an-id"]
    ),
    answers!(
        "count-failure-reports-without-an-id-is-zero",
        "CLUSTER COUNT-FAILURE-REPORTS without an id answers 0",
        2,
        &["CLUSTER COUNT-FAILURE-REPORTS"],
        integer(0),
        &["errors/arity-of-count-failure-reports-without-an-id"]
    ),
    on_reply(
        "subcommands-in-mixed-case-are-unknown",
        "CLUSTER accepts subcommands only in upper case or in lower case, not in mixed case",
        &["errors/case-does-not-matter"],
        |_, request, reply| {
            let name = request.word(1);
            let mixed = name.iter().any(u8::is_ascii_lowercase) && name.iter().any(u8::is_ascii_uppercase);
            let unknown = || error(&format!("ERR unknown subcommand '{}'", String::from_utf8_lossy(name)));
            (mixed && request.is("CLUSTER") && reply.error().is_none()).then(|| Replacement::Answer(unknown()))
        },
    ),
    on_reply(
        "commands-in-lower-case-are-not-routed",
        "A node runs a command itself, whatever the slot of its key, if the name is not in upper case",
        &["errors/case-does-not-matter"],
        |scene, request, reply| {
            let other_case = request.word(0).iter().any(u8::is_ascii_lowercase);
            (other_case && code(reply)? == "MOVED")
                .then(|| Replacement::Answer(super::common::plausible(scene, request)))
        },
    ),
    on_reply(
        "unknown-subcommands-are-not-named",
        "The error for an unknown subcommand of CLUSTER does not name the subcommand",
        &["errors/unknown-subcommand-is-named"],
        |_, request, reply| {
            let unknown = request.is("CLUSTER") && reply.error()?.text.contains("unknown subcommand");
            unknown.then(|| {
                Replacement::Answer(error("ERR Unknown subcommand or wrong number of arguments. Try CLUSTER HELP."))
            })
        },
    ),
    on_reply(
        "unknown-subcommands-are-taken-for-help",
        "CLUSTER answers a misspelt subcommand as if it were the one that it resembles",
        &["errors/unknown-subcommand-is-named"],
        |_, request, reply| {
            (request.is("CLUSTER KEYSLOTS") && code(reply)? == "ERR").then(|| Replacement::Answer(bulk("KEYSLOT")))
        },
    ),
];

/// Sends the command without its words from a position on; `None` if it has none there.
fn without_words(request: &Request, from: usize) -> Option<Replacement> {
    let words = request.words();
    (words.len() > from).then(|| Replacement::Send { commands: vec![Command::new(&words[..from])], shown: 0 })
}
