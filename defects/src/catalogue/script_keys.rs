//! Scripts reach keys that they must not reach, or fail where they may use a key.

use wire::{Reply, Slot};

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{Tree, array, bulk, error, integer, null, simple, tree};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "digests-in-transactions-are-unknown",
        "EXEC answers NOSCRIPT in place of the first reply if EVALSHA is queued",
        &["scripting/declared-keys-of-one-slot"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("EVALSHA") && code(reply).is_none() {
                *scene.note("queued") = 1;
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("queued")) > 0;
            is_late.then(|| tree(reply.bytes(), |tree| set(tree, 0, NOSCRIPT)).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "unknown-scripts-have-no-slot",
        "EVALSHA and EVALSHA_RO of an unknown script answer NOSCRIPT instead of MOVED",
        &["scripting/redirects-evalsha", "scripting/redirects-evalsha-ro"],
        |_, request, reply| {
            let is_moved = request.is_any(&["EVALSHA", "EVALSHA_RO"]) && code(reply)? == "MOVED";
            is_moved.then(|| Replacement::Answer(error("NOSCRIPT No matching script.")))
        },
    ),
    on_reply(
        "replicas-look-up-functions-first",
        "Replicas answer that a function is unknown instead of MOVED",
        &["scripting/redirects-fcall", "scripting/redirects-fcall-ro"],
        |scene, request, reply| {
            let is_moved = request.is_any(&["FCALL", "FCALL_RO"]) && code(reply)? == "MOVED";
            (is_moved && scene.is_replica()).then(|| Replacement::Answer(error("ERR Function not found")))
        },
    ),
    on_reply(
        "replicas-run-no-digest-without-keys",
        "Replicas answer READONLY to EVALSHA without keys",
        &["scripting/runs-without-keys-everywhere"],
        |scene, request, reply| {
            let runs = request.is("EVALSHA") && request.word(2) == b"0" && code(reply).is_none();
            (runs && scene.is_replica())
                .then(|| Replacement::Answer(error("READONLY You can't write against a read only replica.")))
        },
    ),
    on_reply(
        "undeclared-key-redirects",
        "A script that declares no key and reads one of another node answers MOVED",
        &["scripting/undeclared-key-of-another-node"],
        |scene, request, reply| {
            let fails = request.is("EVAL") && request.word(2) == b"0" && is_about_keys(reply)?;
            let moved = format!("MOVED {} {}", Slot::of(request.word(3)), scene.next_address());
            fails.then(|| Replacement::Answer(error(&moved)))
        },
    ),
    on_reply(
        "undeclared-key-reads-null",
        "A script that declares a key of its node reads null from an undeclared key of another node",
        &["scripting/undeclared-key-of-another-node"],
        |scene, request, reply| {
            let fails = request.is("EVAL") && request.word(2) == b"1" && is_about_keys(reply)?;
            (fails && says(request, "return redis.call('GET', ARGV[1])"))
                .then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "pcall-in-transactions-catches-nothing",
        "EXEC answers the error of a script that has caught it with pcall",
        &["scripting/pcall-catches-the-slot-error"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("EVAL") && says(request, "redis.pcall") {
                *scene.note("queued") = 1;
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("queued")) > 0;
            is_late.then(|| tree(reply.bytes(), |tree| set(tree, 0, NON_LOCAL)).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "declared-key-fixes-the-slot",
        "A script without a shebang cannot touch keys outside the slot of its declared key",
        &["scripting/undeclared-keys-of-the-same-node"],
        |_, request, reply| {
            let declares = request.is("EVAL") && request.word(2) == b"1" && request.words().len() == 5;
            let has_no_shebang = !says(request, "#!") && says(request, "redis.call('SET', ARGV[1]");
            let differ = Slot::of(request.word(3)) != Slot::of(request.word(4));
            (declares && has_no_shebang && differ && code(reply).is_none())
                .then(|| Replacement::Answer(error("ERR Script attempted to access an undeclared key")))
        },
    ),
    on_reply(
        "script-reads-the-slot-before",
        "A script that alternates between two slots ends with the value of the key before",
        &["scripting/values-of-two-slots"],
        |_, request, reply| {
            let last = reply.items()?.len().checked_sub(1).filter(|last| *last > 3)?;
            let repeat = |tree: &mut Tree| {
                let before = tree.items()?.get(last - 1)?.clone();
                *tree.items_mut()?.get_mut(last)? = before;
                Some(())
            };
            request.is("EVAL").then(|| tree(reply.bytes(), repeat).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "shebang-compares-with-declared-keys-only",
        "A script with a shebang and without declared keys may touch several slots",
        &["scripting/shebang-forbids-a-second-slot"],
        |_, request, reply| {
            let fails = request.is("EVAL") && request.word(2) == b"0" && code(reply)? == "ERR";
            (fails && says(request, "#!lua\n")).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "flag-admits-declared-keys-of-two-slots",
        "The flag allow-cross-slot-keys also admits declared keys of two slots",
        &["scripting/flag-allows-several-slots"],
        |_, request, reply| {
            let is_refused = says(request, "allow-cross-slot-keys") && code(reply)? == "CROSSSLOT";
            is_refused.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "flag-admits-remote-keys",
        "A script with the flag allow-cross-slot-keys reads null from keys of other nodes",
        &["scripting/flag-allows-several-slots"],
        |scene, request, reply| {
            let is_refused = says(request, "allow-cross-slot-keys") && is_about_keys(reply)?;
            is_refused.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "script-redirects-with-ask",
        "A script on the source of an open slot answers ASK when an undeclared key has moved",
        &["scripting/undeclared-key-that-has-moved"],
        |scene, request, reply| {
            let fails = request.is("EVAL") && request.word(2) == b"1" && code(reply)? == "ERR";
            let slot = Slot::of(request.word(3));
            let ask = format!("ASK {slot} {}", scene.next_address());
            (fails && slot == Slot::of(request.word(4))).then(|| Replacement::Answer(error(&ask)))
        },
    ),
    on_reply(
        "asking-does-not-help-digests",
        "EVALSHA answers MOVED for keys of an importing slot, even after ASKING",
        &["scripting/asking-reaches-the-importing-slot"],
        |scene, request, reply| {
            let moved = format!("MOVED {} {}", Slot::of(request.word(3)), scene.next_address());
            (scene.asking() && request.is("EVALSHA") && code(reply).is_none())
                .then(|| Replacement::Answer(error(&moved)))
        },
    ),
    on_reply(
        "script-reads-slots-without-owner",
        "A script reads null from a key whose slot the node has given up",
        &["scripting/slot-without-owner", "scripting/cluster-down"],
        |scene, request, reply| {
            if request.is("CLUSTER DELSLOTS") {
                scene.share("lost", 1);
            }
            let fails = request.is("EVAL") && scene.shared("lost") > 0 && code(reply)? == "ERR";
            (fails && says(request, "redis.call('GET', ARGV[1])")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "scripts-write-where-reads-are-allowed",
        "A script may write while the cluster is down if cluster-allow-reads-when-down is yes",
        &["scripting/cluster-down"],
        |scene, request, reply| {
            if request.is("CONFIG SET cluster-allow-reads-when-down") {
                scene.share("reads", 1);
            }
            let fails = request.is("EVAL") && scene.shared("reads") > 0 && code(reply)? == "ERR";
            (fails && says(request, "redis.call('SET', ARGV[1]")).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "scripts-see-one-range-fewer",
        "CLUSTER SLOTS inside a script lacks the last range",
        &["scripting/cluster-commands-in-scripts"],
        |_, request, reply| {
            let asks = request.is("EVAL") && says(request, "return redis.call('CLUSTER', 'SLOTS')");
            asks.then(|| tree(reply.bytes(), |tree| tree.items_mut()?.pop().map(drop)).map(Replacement::Answer))
                .flatten()
        },
    ),
    on_reply(
        "one-node-speaks-for-all-scripts",
        "SCRIPT EXISTS says that a node has a script that only another node has",
        &["scripting/scripts-stay-on-their-node"],
        |_, request, reply| {
            let is_unknown = request.is("SCRIPT EXISTS") && *reply.bytes() == array(&[integer(0), integer(0)])[..];
            is_unknown.then(|| Replacement::Answer(array(&[integer(1), integer(0)])))
        },
    ),
    on_reply(
        "digests-in-upper-case-are-unknown",
        "EVALSHA answers NOSCRIPT to a digest in upper case",
        &["scripting/scripts-stay-on-their-node"],
        |_, request, reply| {
            let is_upper = request.is("EVALSHA") && request.word(1).iter().any(u8::is_ascii_uppercase);
            (is_upper && code(reply).is_none()).then(|| Replacement::Answer(error("NOSCRIPT No matching script.")))
        },
    ),
    on_reply(
        "script-load-ignores-unknown-flags",
        "SCRIPT LOAD accepts a script with an unknown flag",
        &["scripting/flag-unknown-is-refused"],
        |_, request, reply| {
            let is_refused = request.is("SCRIPT LOAD") && says_at(request, 2, "#!lua flags=") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(bulk("d3c21d0c2b9ca22f82737626a27bcaf5d288f99f")))
        },
    ),
];

const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";
const NON_LOCAL: &str = "ERR Script attempted to access a non local key in a cluster node";

/// Replaces an item of an array that is no error by an error.
fn set(tree: &mut Tree, at: usize, error: &str) -> Option<()> {
    let item = tree.items_mut()?.get_mut(at)?;
    (!matches!(item, Tree::Line(b'-', _))).then(|| *item = Tree::Line(b'-', error.as_bytes().to_vec()))
}

/// Whether the text of a script contains these words.
pub(super) fn says(request: &Request, words: &str) -> bool {
    says_at(request, 1, words)
}

fn says_at(request: &Request, position: usize, words: &str) -> bool {
    request.word(position).windows(words.len()).any(|part| part == words.as_bytes())
}

/// Whether a script failed because a key is on another node; `None` if it did not fail.
fn is_about_keys(reply: &Reply) -> Option<bool> {
    let error = reply.error()?;
    Some(error.code == "ERR" && error.text.contains("non local key"))
}
