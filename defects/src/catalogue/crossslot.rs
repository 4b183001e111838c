//! Keys of two slots are not refused as they should be, or refused where they may not.

use super::common::unrefused;
use crate::defect::{Defect, Lie};

/// A family of commands that do not check the slots of their keys.
macro_rules! unchecked {
    ($name:literal, $sentence:literal, $commands:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|scene, request, reply| unrefused(scene, request, reply, "CROSSSLOT", $commands)),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[unchecked!(
    "mset-of-two-slots",
    "MSET and MSETNX do not look at the slots of their keys",
    &["MSET", "MSETNX"],
    &["crossslot/mset*"]
)];
