//! ASK, as far as a check sees it: what a node says of missing keys while a slot leaves it.

use wire::Redirect;

use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[Defect {
    name: "ask-names-itself",
    sentence: "ASK names the node that the slot leaves, not the one that imports it",
    fails: &["transactions/slot-leaves-before-exec"],
    lie: Lie::Reply(|scene, _, reply| match Redirect::parse(&reply.error()?)?.ok()? {
        Redirect::Ask { slot, .. } => Some(Instead::Say(error(&format!("ASK {slot} {}", scene.address())))),
        _ => None,
    }),
}];
