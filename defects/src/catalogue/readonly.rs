//! READONLY or READWRITE has no effect, or has it on other connections.

use super::replicas::is_read;
use crate::defect::{Defect, Replacement, on_exclusive_request, on_reply, on_request};
use crate::edit::{Tree, simple, tree};
use crate::request::Request;
use wire::command;

use super::common::code;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "readonly-is-ignored",
        "READONLY answers OK, but replicas still redirect reads",
        &["readonly/replica-serves-reads"],
        |scene, request| {
            let asked = is_bare(request, "READONLY") && scene.is_replica() && !scene.in_transaction();
            asked.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "readonly-is-ignored-after-a-redirect",
        "READONLY has no effect on a connection after a redirect",
        &["readonly/commands-may-be-repeated", "readonly/reset-ends-the-mode"],
        |scene, request| {
            if scene.is_replica() && is_read(request) && !scene.readonly() {
                *scene.note("redirected") = 1;
            }
            let late = is_bare(request, "READONLY") && *scene.note("redirected") > 0 && !scene.in_transaction();
            late.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "readonly-lapses",
        "A replica ends READONLY mode after a thousand reads",
        &["readonly/every-slot-of-the-shard-is-served"],
        |scene, request| {
            if !scene.readonly() || !is_read(request) || scene.in_transaction() {
                return None;
            }
            *scene.note("reads") += 1;
            let over = *scene.note("reads") == READS_MAX;
            over.then(|| Replacement::Send { commands: vec![command!["READWRITE"], request.command()], shown: 1 })
        },
    ),
    on_request(
        "readonly-twice-ends-it",
        "A second READONLY ends READONLY mode",
        &["readonly/argument-is-refused", "readonly/commands-may-be-repeated"],
        |scene, request| {
            let again = is_bare(request, "READONLY") && scene.readonly() && scene.is_replica();
            again.then(|| Replacement::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        },
    ),
    on_request(
        "readwrite-is-ignored",
        "READWRITE answers OK, but replicas still serve reads",
        &["readonly/readwrite-ends-the-mode"],
        |scene, request| (is_bare(request, "READWRITE") && scene.readonly()).then(|| Replacement::Answer(simple("OK"))),
    ),
    on_request(
        "readwrite-ends-one-readonly",
        "Each READONLY needs a READWRITE of its own to end READONLY mode",
        &["readonly/commands-may-be-repeated"],
        |scene, request| {
            if is_bare(request, "READONLY") {
                *scene.note("depth") += 1;
            }
            if !is_bare(request, "READWRITE") || *scene.note("depth") == 0 {
                return None;
            }
            *scene.note("depth") -= 1;
            (*scene.note("depth") > 0).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "reset-keeps-readonly",
        "RESET leaves the connection in READONLY mode",
        &["readonly/reset-ends-the-mode"],
        |scene, request| {
            let commands = vec![command!["RESET"], command!["READONLY"]];
            (request.is("RESET") && scene.readonly()).then_some(Replacement::Send { commands, shown: 0 })
        },
    ),
    on_request(
        "readonly-takes-an-argument",
        "READONLY ignores extra arguments and turns READONLY mode on",
        &["errors/arity-of-readonly", "readonly/argument-is-refused"],
        |_, request| {
            let more = request.is("READONLY") && request.words().len() > 1;
            more.then(|| Replacement::Send { commands: vec![command!["READONLY"]], shown: 0 })
        },
    ),
    on_request(
        "refused-readwrite-ends-the-mode",
        "READWRITE with an argument answers an error, but ends READONLY mode",
        &["readonly/argument-is-refused"],
        |scene, request| {
            let more = scene.readonly() && request.is("READWRITE") && request.words().len() > 1;
            more.then(|| Replacement::Send { commands: vec![command!["READWRITE"], request.command()], shown: 1 })
        },
    ),
    on_exclusive_request(
        "readonly-leaks-to-the-node",
        "A replica serves reads on all connections after READONLY on any of them",
        &["readonly/mode-belongs-to-the-connection"],
        |scene, request| {
            let number = NUMBERS.get(scene.node())?;
            if is_bare(request, "READONLY") && scene.is_replica() {
                scene.share(number, 1);
            }
            let leaks = !scene.readonly() && is_read(request) && !scene.in_transaction() && scene.shared(number) > 0;
            leaks.then(|| Replacement::Send {
                commands: vec![command!["READONLY"], request.command(), command!["READWRITE"]],
                shown: 1,
            })
        },
    ),
    on_exclusive_request(
        "readwrite-leaks-to-the-node",
        "READWRITE on any connection ends READONLY mode on all connections of a replica",
        &["readonly/mode-belongs-to-the-connection"],
        |scene, request| {
            let number = NUMBERS.get(scene.node())?;
            let ended = scene.shared(number);
            if is_bare(request, "READWRITE") {
                scene.share(number, ended + 1);
            } else if is_bare(request, "READONLY") {
                *scene.note("begun") = ended;
            }
            let over = scene.readonly() && scene.is_replica() && is_read(request) && *scene.note("begun") < ended;
            let commands = vec![command!["READWRITE"], request.command()];
            (over && !scene.in_transaction()).then_some(Replacement::Send { commands, shown: 1 })
        },
    ),
    on_reply(
        "readonly-is-registered-carelessly",
        "READONLY and READWRITE accept any number of arguments, and COMMAND INFO shows them without flags",
        &["errors/arity-of-readonly", "errors/arity-of-readwrite", "readonly/argument-is-refused"],
        |_, request, reply| {
            if request.is_any(&["READONLY", "READWRITE"]) && request.words().len() > 1 && code(reply)? == "ERR" {
                return Some(Replacement::Answer(simple("OK")));
            }
            request
                .is("COMMAND INFO")
                .then(|| tree(reply.bytes(), registered_carelessly).map(Replacement::Answer))
                .flatten()
        },
    ),
];

/// Changes the entries of READONLY and READWRITE in the reply of COMMAND INFO.
fn registered_carelessly(table: &mut Tree) -> Option<()> {
    for entry in table.items_mut()?.iter_mut().filter_map(Tree::items_mut) {
        let named = |name: &str| entry.first().and_then(Tree::text) == Some(name.as_bytes());
        if named("readonly") || named("readwrite") {
            *entry.get_mut(1)? = Tree::Line(b':', b"-1".to_vec());
            entry.get_mut(2)?.items_mut()?.clear();
        }
    }
    Some(())
}

/// The number of reads after which READONLY mode ends.
const READS_MAX: i64 = 1_000;

/// The names of the numbers that are stored for each node.
const NUMBERS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// Says whether a request is only this word.
pub(super) fn is_bare(request: &Request, name: &str) -> bool {
    request.is(name) && request.words().len() == 1
}
