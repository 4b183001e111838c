//! A node answers CROSSSLOT to keys of one slot.

use super::common::code;
use super::keys_of::{keys, of_one_slot};
use super::refusals::CROSSSLOT;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::error;
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "key-named-twice-is-refused",
        "A node refuses a command that names a key twice, as if it named two slots",
        &["crossslot/duplicate-key"],
        |_, request, reply| {
            let keys = keys(request);
            let twice = keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key));
            (twice && code(reply).is_none()).then(|| Replacement::Answer(error(CROSSSLOT)))
        },
    ),
    on_reply(
        "tags-are-compared-not-slots",
        "A node refuses keys with different hash tags that hash to one slot",
        &["crossslot/two-tags-of-one-slot"],
        |_, request, reply| {
            let keys = keys(request);
            let differ = keys.windows(2).any(|two| wire::slot::hash_tag(two[0]) != wire::slot::hash_tag(two[1]));
            (differ && of_one_slot(&keys) && code(reply).is_none()).then(|| Replacement::Answer(error(CROSSSLOT)))
        },
    ),
    on_reply(
        "pfmerge-compares-whole-keys",
        "PFMERGE and PFCOUNT refuse different keys of one hash tag",
        &["crossslot/tag-ok"],
        |scene, request, reply| refused_anyway(scene.in_transaction(), request, code(reply), &["PFMERGE", "PFCOUNT"]),
    ),
    on_reply(
        "blocking-moves-are-always-refused",
        "BLMOVE, BRPOPLPUSH and SMOVE refuse two keys of one slot",
        &["crossslot/tag-ok"],
        |scene, request, reply| {
            refused_anyway(scene.in_transaction(), request, code(reply), &["BLMOVE", "BRPOPLPUSH", "SMOVE"])
        },
    ),
    on_reply(
        "mset-compares-values",
        "MSET compares the slots of its values, too",
        &["crossslot/duplicate-key", "crossslot/two-tags-of-one-slot"],
        |_, request, reply| {
            let words: Vec<&[u8]> = (1..request.words().len()).map(|at| request.word(at)).collect();
            (request.is("MSET") && code(reply).is_none() && !of_one_slot(&words))
                .then(|| Replacement::Answer(error(CROSSSLOT)))
        },
    ),
    on_reply(
        "eval-compares-its-arguments",
        "EVAL compares the slots of its arguments, too",
        &["scripting/error-not-sticky"],
        |_, request, _| {
            let words: Vec<&[u8]> = (3..request.words().len()).map(|at| request.word(at)).collect();
            let beyond = request.is("EVAL") && keys(request).len() == 1 && words.len() > 1;
            (beyond && !of_one_slot(&words)).then(|| Replacement::Answer(error(CROSSSLOT)))
        },
    ),
];

/// Answers CROSSSLOT to a command that the node accepts.
fn refused_anyway(
    in_transaction: bool,
    request: &Request,
    code: Option<String>,
    commands: &[&str],
) -> Option<Replacement> {
    let several = request.is_any(commands) && keys(request).len() > 1;
    (several && !in_transaction && code.is_none()).then(|| Replacement::Answer(error(CROSSSLOT)))
}
