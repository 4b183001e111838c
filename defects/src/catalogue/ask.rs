//! EXEC ignores ASK and TRYAGAIN while a slot leaves the node.

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{array, simple};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[on_reply(
    "exec-runs-while-keys-are-on-their-way",
    "EXEC runs although a key of a migrating slot is missing and may be on the other node",
    &["transactions/slot-leaves-before-exec"],
    |_, request, reply| {
        let is_refused = matches!(code(reply)?.as_str(), "ASK" | "TRYAGAIN");
        (request.is("EXEC") && is_refused).then(|| Replacement::Answer(array(&[simple("OK"), simple("OK")])))
    },
)];
