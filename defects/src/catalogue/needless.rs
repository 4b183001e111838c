//! Keys of one slot that are refused as if they were of two.

use super::common::code;
use super::keys_of::{keys, of_one_slot};
use super::refusals::CROSSSLOT;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "key-named-twice-is-refused",
        sentence: "A command that names a key twice is refused as if it named two slots",
        fails: &["crossslot/duplicate-key"],
        lie: Lie::Reply(|_, request, reply| {
            let keys = keys(request);
            let twice = keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key));
            (twice && code(reply).is_none()).then(|| Instead::Say(error(CROSSSLOT)))
        }),
    },
    Defect {
        name: "tags-are-compared-not-slots",
        sentence: "Keys whose hash tags differ are refused, although these hash to one slot",
        fails: &["crossslot/two-tags-of-one-slot"],
        lie: Lie::Reply(|_, request, reply| {
            let keys = keys(request);
            let differ = keys.windows(2).any(|two| wire::slot::hash_tag(two[0]) != wire::slot::hash_tag(two[1]));
            (differ && of_one_slot(&keys) && code(reply).is_none()).then(|| Instead::Say(error(CROSSSLOT)))
        }),
    },
    Defect {
        name: "pfmerge-compares-whole-keys",
        sentence: "PFMERGE and PFCOUNT refuse different keys of one hash tag",
        fails: &["crossslot/tag-ok"],
        lie: Lie::Reply(|scene, request, reply| {
            refused_anyway(scene.in_transaction(), request, code(reply), &["PFMERGE", "PFCOUNT"])
        }),
    },
    Defect {
        name: "blocking-moves-are-always-refused",
        sentence: "BLMOVE, BRPOPLPUSH and SMOVE refuse two keys even of one slot",
        fails: &["crossslot/tag-ok"],
        lie: Lie::Reply(|scene, request, reply| {
            refused_anyway(scene.in_transaction(), request, code(reply), &["BLMOVE", "BRPOPLPUSH", "SMOVE"])
        }),
    },
    Defect {
        name: "mset-compares-values",
        sentence: "MSET takes its values for keys, and refuses those of another slot",
        fails: &["crossslot/duplicate-key", "crossslot/tag-ok", "crossslot/two-tags-of-one-slot"],
        lie: Lie::Reply(|_, request, reply| {
            let words: Vec<&[u8]> = (1..request.words().len()).map(|at| request.word(at)).collect();
            (request.is("MSET") && code(reply).is_none() && !of_one_slot(&words))
                .then(|| Instead::Say(error(CROSSSLOT)))
        }),
    },
    Defect {
        name: "eval-compares-its-arguments",
        sentence: "EVAL takes the arguments behind its keys for keys",
        fails: &["scripting/error-not-sticky"],
        lie: Lie::Reply(|_, request, _| {
            let words: Vec<&[u8]> = (3..request.words().len()).map(|at| request.word(at)).collect();
            let beyond = request.is("EVAL") && keys(request).len() == 1 && words.len() > 1;
            (beyond && !of_one_slot(&words)).then(|| Instead::Say(error(CROSSSLOT)))
        }),
    },
];

/// These commands are refused where they are not.
fn refused_anyway(in_transaction: bool, request: &Request, code: Option<String>, commands: &[&str]) -> Option<Instead> {
    let several = request.is_any(commands) && keys(request).len() > 1;
    (several && !in_transaction && code.is_none()).then(|| Instead::Say(error(CROSSSLOT)))
}
