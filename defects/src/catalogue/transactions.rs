//! TODO-transactions

use crate::defect::Defect;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[];
