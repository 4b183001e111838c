//! What an engine is.

use futures_util::future::LocalBoxFuture;
use wire::{Node, Slot};

use crate::cluster::Cluster;
use crate::outcome::Outcome;

/// A way to move slots with their keys from one primary to another.
pub(in crate::code) struct Engine {
    /// Whether clients see the slot open, so that the source answers ASK meanwhile.
    pub(in crate::code) is_open_meanwhile: bool,
    /// Moves the slots, and waits until every node knows their new owner.
    pub(in crate::code) move_slots: MoveSlots,
}

/// The function of an engine: it moves slots from a source to a target.
type MoveSlots = for<'a> fn(&'a Cluster, &'a [Slot], &'a Node, &'a Node) -> LocalBoxFuture<'a, Outcome>;
