//! What a check remembers of a slot that it has opened.

use wire::{Node, Slot};

/// A slot that a check opened and has not closed yet.
pub(super) struct Opened {
    pub(super) slot: Slot,
    pub(super) source: Node,
    pub(super) target: Node,
}
