//! How a command is refused for its keys' slots, and what a refusal leaves behind.

use wire::{Command, Slot};

use super::common::{code, plausible};
use super::keys_of::keys;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{error, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "crossslot-of-scripts-without-its-code",
        sentence: "Scripts and functions refuse keys of two slots with ERR, and CROSSSLOT only follows",
        fails: &["crossslot/eval*", "crossslot/fcall*", "crossslot/every-declared-*"],
        lie: Lie::Reply(|_, request, reply| {
            let script = request.is_any(&["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"]);
            (script && code(reply)? == "CROSSSLOT").then(|| Instead::Say(error(&format!("ERR {CROSSSLOT}"))))
        }),
    },
    Defect {
        name: "crossslot-misspelt",
        sentence: "Keys of two slots are refused with CROSSLOT, which lacks an S",
        fails: REFUSED,
        lie: Lie::Reply(|_, _, reply| {
            (code(reply)? == "CROSSSLOT").then(|| Instead::Say(error(&CROSSSLOT.replacen("SSS", "SS", 1))))
        }),
    },
    Defect {
        name: "crossslot-is-no-simple-error-in-resp3",
        sentence: "In RESP3 keys of two slots are refused with a code of another name",
        fails: &["connection/same-errors-in-resp3", "crossslot/resp3"],
        lie: Lie::Reply(|scene, _, reply| {
            (scene.resp3() && code(reply)? == "CROSSSLOT").then(|| Instead::Say(error(&format!("ERR {CROSSSLOT}"))))
        }),
    },
    Defect {
        name: "crossslot-poisons-the-connection",
        sentence: "After keys of two slots every later command with several keys is refused on that connection",
        fails: &[
            "crossslot/resp3",
            "readonly/crossslot-is-refused",
            "transactions/aborts-after-crossslot",
            "transactions/two-local-slots-are-refused",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            if code(reply).is_some_and(|code| code == "CROSSSLOT") {
                *scene.note("poisoned") = 1;
                return None;
            }
            (*scene.note("poisoned") > 0 && keys(request).len() > 1).then(|| Instead::Say(error(CROSSSLOT)))
        }),
    },
    Defect {
        name: "second-crossslot-passes",
        sentence: "Keys of two slots are refused once a connection",
        fails: &[
            "crossslot/b*",
            "crossslot/copy",
            "crossslot/del",
            "crossslot/e*",
            "crossslot/fcall*",
            "crossslot/geo*",
            "crossslot/l*",
            "crossslot/mget*",
            "crossslot/migrate-keys",
            "crossslot/mset",
            "crossslot/msetnx",
            "crossslot/no-effect",
            "crossslot/p*",
            "crossslot/r*",
            "crossslot/sd*",
            "crossslot/si*",
            "crossslot/smove",
            "crossslot/sort-options-store",
            "crossslot/sort-store",
            "crossslot/ssubscribe",
            "crossslot/su*",
            "crossslot/touch",
            "crossslot/unlink",
            "crossslot/watch",
            "crossslot/xread*",
            "crossslot/z*",
            "errors/crossslot-before-a-down-cluster",
            "readonly/crossslot-is-refused",
            "transactions/watch-of-remote-keys-is-refused",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            if code(reply)? != "CROSSSLOT" || keys(request).len() < 2 {
                return None;
            }
            *scene.note("refused") += 1;
            (*scene.note("refused") > 1).then(|| Instead::Say(plausible(scene, request)))
        }),
    },
    Defect {
        name: "refused-del-deletes-its-first-key",
        sentence: "DEL and UNLINK delete until they come to a key of another slot, and then answer CROSSSLOT",
        fails: &["crossslot/no-effect"],
        lie: Lie::Request(|scene, request| {
            let keys =
                of_two_slots(request).filter(|_| request.is_any(&["DEL", "UNLINK"]) && !scene.in_transaction())?;
            Some(first(Command::new(["DEL".as_bytes(), keys[0]]), request))
        }),
    },
    Defect {
        name: "refused-mset-sets-its-first-key",
        sentence: "MSET sets until it comes to a key of another slot, and then answers CROSSSLOT",
        fails: &["crossslot/every-declared-*", "crossslot/no-effect", "crossslot/resp3"],
        lie: Lie::Request(|scene, request| {
            let keys = of_two_slots(request).filter(|_| request.is("MSET") && !scene.in_transaction())?;
            Some(first(Command::new(["SET".as_bytes(), keys[0], request.word(2)]), request))
        }),
    },
    Defect {
        name: "refused-move-takes-its-element",
        sentence: "LMOVE and RPOPLPUSH take the element off before they look where it should go",
        fails: &["crossslot/no-effect"],
        lie: Lie::Request(|scene, request| {
            let is_move = request.is_any(&["LMOVE", "RPOPLPUSH"]) && !scene.in_transaction();
            let keys = of_two_slots(request).filter(|_| is_move)?;
            Some(first(Command::new(["RPOP".as_bytes(), keys[0]]), request))
        }),
    },
    Defect {
        name: "crossslot-does-not-abort",
        sentence: "A command that is refused with CROSSSLOT while it is queued does not abort its transaction",
        fails: &["transactions/aborts-after-crossslot", "transactions/crossslot-command-aborts"],
        lie: Lie::Request(|scene, request| {
            (scene.in_transaction() && of_two_slots(request).is_some()).then(|| Instead::Say(error(CROSSSLOT)))
        }),
    },
    Defect {
        name: "crossslot-is-left-to-exec",
        sentence: "In a transaction keys of two slots are queued, and EXEC refuses them",
        fails: &["transactions/aborts-after-crossslot", "transactions/crossslot-command-aborts"],
        lie: Lie::Reply(|scene, request, reply| {
            let queued = scene.in_transaction() && !request.is("EXEC") && code(reply)? == "CROSSSLOT";
            queued.then(|| Instead::Say(simple("QUEUED")))
        }),
    },
];

/// The checks that see keys of two slots being refused.
const REFUSED: &[&str] = &[
    "crossslot/b*",
    "crossslot/copy",
    "crossslot/del",
    "crossslot/e*",
    "crossslot/fcall*",
    "crossslot/geo*",
    "crossslot/l*",
    "crossslot/m*",
    "crossslot/no-effect",
    "crossslot/p*",
    "crossslot/r*",
    "crossslot/sd*",
    "crossslot/si*",
    "crossslot/smove",
    "crossslot/sort-options-store",
    "crossslot/sort-store",
    "crossslot/ssubscribe",
    "crossslot/su*",
    "crossslot/touch",
    "crossslot/unlink",
    "crossslot/watch",
    "crossslot/xread*",
    "crossslot/z*",
    "errors/case-does-not-matter",
    "errors/crossslot-before-a-down-cluster",
    "errors/known-first-word",
    "errors/unassigned-slot-and-crossslot",
    "moved/finds-the-key-behind-*",
    "readonly/crossslot-is-refused",
    "transactions/aborts-after-crossslot",
    "transactions/crossslot-command-aborts",
    "transactions/failed-exec-ends-the-transaction",
    "transactions/replica-runs-reads",
    "transactions/sharded-publish-shares-the-slot",
    "transactions/two-local-slots-are-refused",
    "transactions/watch-of-remote-keys-is-refused",
];

/// What servers say.
pub(super) const CROSSSLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";

/// The keys of a request that ought to be refused.
fn of_two_slots(request: &Request) -> Option<Vec<&[u8]>> {
    Some(keys(request)).filter(|keys| keys.windows(2).any(|two| Slot::of(two[0]) != Slot::of(two[1])))
}

/// Something else is done before the request.
fn first(deed: Command, request: &Request) -> Instead {
    Instead::Send { commands: vec![deed, request.command()], shown: 1 }
}
