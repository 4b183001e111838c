//! A setting that a check changed, and that `tidy` puts back at its end.

use wire::NodeId;

/// A setting that a check changed, with its earlier value.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) node: NodeId,
    pub(super) name: String,
    pub(super) before: String,
}
