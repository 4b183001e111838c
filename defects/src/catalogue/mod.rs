//! The catalogue: every defect, a file a family.

mod keyslot;

use crate::defect::Defect;

/// All families, in the order of the suites.
const FAMILIES: [&[Defect]; 1] = [keyslot::DEFECTS];

/// Every defect.
pub fn all() -> impl Iterator<Item = &'static Defect> {
    FAMILIES.into_iter().flatten()
}

/// The defect of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Defect> {
    all().find(|defect| defect.name == name)
}
