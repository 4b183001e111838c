//! One operation on its way: small enough to be copied about.

use wire::Slot;

/// The template of what a connection says first; it is no operation of the workload.
pub(crate) const SETUP: u16 = u16::MAX;

/// An operation: what to send, and what became of it so far. Times are in nanoseconds of the run's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// When it was to be sent.
    pub planned_ns: u64,
    /// When it was last sent.
    pub sent_ns: u64,
    /// The number of its key in the template's space.
    pub key: u64,
    /// What all its random arguments follow from.
    pub seed: u64,
    /// The slot of its key.
    pub slot: Slot,
    /// The template of the workload.
    pub template: u16,
    /// How often it was sent before.
    pub attempts: u16,
    /// The replies that are still to come.
    pub replies: u8,
    /// Whether ASKING goes before it.
    pub asking: bool,
}
