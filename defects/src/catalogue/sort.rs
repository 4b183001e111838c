//! SORT accepts patterns that reach keys of other slots, or refuses patterns wrongly.

use wire::Reply;

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{array, error};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "sort-by-any-pattern",
        "SORT accepts every BY pattern, whatever slots the pattern may reach",
        &["crossslot/sort-by-pattern"],
        |_, request, reply| (request.is("SORT") && request.has("BY")).then(|| accepted(reply)).flatten(),
    ),
    on_reply(
        "sort-gets-any-pattern",
        "SORT accepts every GET pattern, whatever slots the pattern may reach",
        &["crossslot/sort-get-pattern", "crossslot/sort-get-tag-of-another-slot"],
        |_, request, reply| (request.is("SORT") && request.has("GET")).then(|| accepted(reply)).flatten(),
    ),
    on_reply(
        "sort-ro-takes-any-pattern",
        "SORT_RO accepts patterns that may reach other slots",
        &["crossslot/sort-ro-by-pattern", "crossslot/sort-ro-get-pattern"],
        |_, request, reply| request.is("SORT_RO").then(|| accepted(reply)).flatten(),
    ),
    on_reply(
        "sort-trusts-any-tag",
        "SORT accepts a pattern with another hash tag than that of its key",
        &[
            "crossslot/sort-by-tag-of-another-node",
            "crossslot/sort-by-tag-of-another-slot",
            "crossslot/sort-get-tag-of-another-slot",
        ],
        |_, request, reply| {
            let tagged = (2..request.words().len()).any(|at| request.word(at).contains(&b'{'));
            (request.is("SORT") && tagged && !request.has("STORE")).then(|| accepted(reply)).flatten()
        },
    ),
    on_reply(
        "sort-pattern-is-a-crossslot",
        "SORT answers CROSSSLOT to patterns",
        &["crossslot/sort-by-pattern", "crossslot/sort-get-pattern", "crossslot/sort-ro-by-pattern"],
        |_, request, reply| {
            let refused = patterned(request) && code(reply)? == "ERR";
            refused.then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_reply(
        "sort-takes-no-patterns-at-all",
        "SORT refuses BY and GET even where they read no key of another slot, such as BY nosort",
        &["crossslot/sort-get-hash", "crossslot/sort-get-pattern", "crossslot/sort-pattern-of-the-same-tag"],
        |_, request, reply| {
            let taken = patterned(request) && code(reply).is_none();
            taken.then(|| Replacement::Answer(error("ERR BY and GET options of SORT are denied in cluster mode.")))
        },
    ),
];

fn patterned(request: &Request) -> bool {
    request.is_any(&["SORT", "SORT_RO"]) && (request.has("BY") || request.has("GET"))
}

/// Returns an empty list instead of an error.
fn accepted(reply: &Reply) -> Option<Replacement> {
    (code(reply)? == "ERR").then(|| Replacement::Answer(array(&[])))
}
