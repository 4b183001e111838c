//! ASK and TRYAGAIN, as far as a check sees them: what EXEC says while a slot leaves the node.

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{array, simple};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[Defect {
    name: "exec-runs-while-keys-are-on-their-way",
    sentence: "EXEC runs although a key of its open slot is missing, and may be on the other node",
    fails: &["transactions/slot-leaves-before-exec"],
    lie: Lie::Reply(|_, request, reply| {
        let is_refused = matches!(code(reply)?.as_str(), "ASK" | "TRYAGAIN");
        (request.is("EXEC") && is_refused).then(|| Instead::Say(array(&[simple("OK"), simple("OK")])))
    }),
}];
