//! One operation and its state. It is small, so that it is cheap to copy.

use wire::Slot;

use crate::outcome::Outcome;

/// The template number of the commands that set a connection up, which are no operation of the workload.
pub(crate) const SETUP: u16 = u16::MAX;

/// The template number of an operation that rct has given up, and whose reply may still come.
pub(crate) const ABANDONED: u16 = u16::MAX - 1;

/// An operation: what to send, and its state. Times are nanoseconds on the clock of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// When the plan says to send it.
    pub planned_ns: u64,
    /// When it was last sent.
    pub sent_ns: u64,
    /// The number of its key in the template's space.
    pub key: u64,
    /// The seed from which all its random arguments follow.
    pub seed: u64,
    /// The slot of its key.
    pub slot: Slot,
    /// The number of its template in the workload.
    pub template: u16,
    /// How many times it was sent before.
    pub attempts: u8,
    /// How many of its replies are still missing.
    pub replies: u8,
    /// Whether ASKING must be sent before it.
    pub asking: bool,
    /// The last problem with it; `None` as long as nothing went wrong.
    pub problem: Option<Outcome>,
}
