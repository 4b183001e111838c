//! SORT, whose patterns may reach keys of any slot.

use wire::Reply;

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{array, error};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "sort-by-any-pattern",
        sentence: "SORT takes every BY pattern, whatever slots it may reach",
        fails: &[
            "crossslot/sort-by-pattern",
            "crossslot/sort-by-tag-of-another-node",
            "crossslot/sort-by-tag-of-another-slot",
            "crossslot/sort-get-tag-of-another-slot",
        ],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("SORT") && request.has("BY")).then(|| accepted(reply)).flatten()
        }),
    },
    Defect {
        name: "sort-gets-any-pattern",
        sentence: "SORT takes every GET pattern, whatever slots it may reach",
        fails: &["crossslot/sort-get-pattern", "crossslot/sort-get-tag-of-another-slot"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("SORT") && request.has("GET")).then(|| accepted(reply)).flatten()
        }),
    },
    Defect {
        name: "sort-ro-takes-any-pattern",
        sentence: "SORT_RO, unlike SORT, takes patterns that may reach other slots",
        fails: &["crossslot/sort-ro-by-pattern", "crossslot/sort-ro-get-pattern"],
        lie: Lie::Reply(|_, request, reply| request.is("SORT_RO").then(|| accepted(reply)).flatten()),
    },
    Defect {
        name: "sort-trusts-any-tag",
        sentence: "SORT takes a pattern with a hash tag, although it is not that of its key",
        fails: &[
            "crossslot/sort-by-tag-of-another-node",
            "crossslot/sort-by-tag-of-another-slot",
            "crossslot/sort-get-tag-of-another-slot",
        ],
        lie: Lie::Reply(|_, request, reply| {
            let tagged = (2..request.words().len()).any(|at| request.word(at).contains(&b'{'));
            (request.is("SORT") && tagged && !request.has("STORE")).then(|| accepted(reply)).flatten()
        }),
    },
    Defect {
        name: "sort-pattern-is-a-crossslot",
        sentence: "SORT refuses patterns with CROSSSLOT",
        fails: &[
            "crossslot/sort-by-pattern",
            "crossslot/sort-by-tag-of-another-node",
            "crossslot/sort-by-tag-of-another-slot",
            "crossslot/sort-get-pattern",
            "crossslot/sort-get-tag-of-another-slot",
            "crossslot/sort-ro-by-pattern",
            "crossslot/sort-ro-get-pattern",
        ],
        lie: Lie::Reply(|_, request, reply| {
            let refused = patterned(request) && code(reply)? == "ERR";
            refused.then(|| Instead::Say(error("CROSSSLOT Keys in request don't hash to the same slot")))
        }),
    },
    Defect {
        name: "sort-takes-no-patterns-at-all",
        sentence: "SORT refuses BY and GET even where they read no other slot's key, such as BY nosort",
        fails: &[
            "crossslot/sort-by-pattern",
            "crossslot/sort-by-tag-of-another-node",
            "crossslot/sort-by-tag-of-another-slot",
            "crossslot/sort-get-hash",
            "crossslot/sort-get-pattern",
            "crossslot/sort-get-tag-of-another-slot",
            "crossslot/sort-pattern-of-the-same-tag",
            "crossslot/sort-ro-by-pattern",
            "crossslot/sort-ro-get-pattern",
        ],
        lie: Lie::Reply(|_, request, reply| {
            let taken = patterned(request) && code(reply).is_none();
            taken.then(|| Instead::Say(error("ERR BY and GET options of SORT are denied in cluster mode.")))
        }),
    },
];

fn patterned(request: &Request) -> bool {
    request.is_any(&["SORT", "SORT_RO"]) && (request.has("BY") || request.has("GET"))
}

/// Nothing was sorted, rather than an error.
fn accepted(reply: &Reply) -> Option<Instead> {
    (code(reply)? == "ERR").then(|| Instead::Say(array(&[])))
}
