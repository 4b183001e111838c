//! CROSSSLOT has the wrong form, or leaves something behind.

use wire::{Command, Slot};

use super::common::{code, plausible};
use super::keys_of::keys;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "crossslot-of-scripts-without-its-code",
        "Scripts and functions answer ERR before CROSSSLOT for keys of two slots",
        &["crossslot/eval", "crossslot/fcall"],
        |_, request, reply| {
            let script = request.is_any(&["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"]);
            (script && code(reply)? == "CROSSSLOT").then(|| Replacement::Answer(error(&format!("ERR {CROSSSLOT}"))))
        },
    ),
    on_reply(
        "crossslot-misspelt",
        "A node answers CROSSLOT instead of CROSSSLOT for keys of two slots",
        &["crossslot/mget", "errors/known-first-word"],
        |_, _, reply| {
            (code(reply)? == "CROSSSLOT").then(|| Replacement::Answer(error(&CROSSSLOT.replacen("SSS", "SS", 1))))
        },
    ),
    on_reply(
        "crossslot-is-no-simple-error-in-resp3",
        "A node answers another error code than CROSSSLOT in RESP3",
        &["connection/same-errors-in-resp3", "crossslot/resp3"],
        |scene, _, reply| {
            (scene.resp3() && code(reply)? == "CROSSSLOT")
                .then(|| Replacement::Answer(error(&format!("ERR {CROSSSLOT}"))))
        },
    ),
    on_reply(
        "crossslot-poisons-the-connection",
        "A node refuses every command with several keys after a CROSSSLOT error on the connection",
        &[
            "readonly/crossslot-is-refused",
            "transactions/aborts-after-crossslot",
            "transactions/two-local-slots-are-refused",
        ],
        |scene, request, reply| {
            if code(reply).is_some_and(|code| code == "CROSSSLOT") {
                *scene.note("poisoned") = 1;
                return None;
            }
            (*scene.note("poisoned") > 0 && keys(request).len() > 1).then(|| Replacement::Answer(error(CROSSSLOT)))
        },
    ),
    on_reply(
        "second-crossslot-passes",
        "A node refuses keys of two slots only once per connection",
        &["crossslot/mget", "readonly/crossslot-is-refused"],
        |scene, request, reply| {
            if code(reply)? != "CROSSSLOT" || keys(request).len() < 2 {
                return None;
            }
            *scene.note("refused") += 1;
            (*scene.note("refused") > 1).then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_request(
        "refused-del-deletes-its-first-key",
        "DEL and UNLINK delete keys until one has another slot, and then answer CROSSSLOT",
        &["crossslot/no-effect"],
        |scene, request| {
            let keys =
                of_two_slots(request).filter(|_| request.is_any(&["DEL", "UNLINK"]) && !scene.in_transaction())?;
            Some(first(Command::new(["DEL".as_bytes(), keys[0]]), request))
        },
    ),
    on_request(
        "refused-mset-sets-its-first-key",
        "MSET sets keys until one has another slot, and then answers CROSSSLOT",
        &["crossslot/no-effect", "crossslot/resp3"],
        |scene, request| {
            let keys = of_two_slots(request).filter(|_| request.is("MSET") && !scene.in_transaction())?;
            Some(first(Command::new(["SET".as_bytes(), keys[0], request.word(2)]), request))
        },
    ),
    on_request(
        "refused-move-takes-its-element",
        "LMOVE and RPOPLPUSH remove the element before they check the slot of the destination",
        &["crossslot/no-effect"],
        |scene, request| {
            let is_move = request.is_any(&["LMOVE", "RPOPLPUSH"]) && !scene.in_transaction();
            let keys = of_two_slots(request).filter(|_| is_move)?;
            Some(first(Command::new(["RPOP".as_bytes(), keys[0]]), request))
        },
    ),
    on_request(
        "crossslot-does-not-abort",
        "A CROSSSLOT error while queueing does not abort the transaction",
        &["transactions/aborts-after-crossslot", "transactions/crossslot-command-aborts"],
        |scene, request| {
            (scene.in_transaction() && of_two_slots(request).is_some()).then(|| Replacement::Answer(error(CROSSSLOT)))
        },
    ),
    on_reply(
        "crossslot-is-left-to-exec",
        "A node queues keys of two slots in a transaction, and EXEC refuses them",
        &["transactions/aborts-after-crossslot", "transactions/crossslot-command-aborts"],
        |scene, request, reply| {
            let queued = scene.in_transaction() && !request.is("EXEC") && code(reply)? == "CROSSSLOT";
            queued.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
];

/// The error of servers.
pub(super) const CROSSSLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";

/// Returns the keys of a request that the node should refuse with CROSSSLOT.
fn of_two_slots(request: &Request) -> Option<Vec<&[u8]>> {
    Some(keys(request)).filter(|keys| keys.windows(2).any(|two| Slot::of(two[0]) != Slot::of(two[1])))
}

/// Sends another command before the request.
fn first(deed: Command, request: &Request) -> Replacement {
    Replacement::Send { commands: vec![deed, request.command()], shown: 1 }
}
