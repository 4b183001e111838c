//! What reads find, and what the ledger says about it.

use super::stamp::Flaw;

/// What a read found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// There is no such key.
    Nothing,
    /// A value of this write.
    Write(u32),
    /// Something that no write of the key can have left.
    Flawed(Flaw),
}

/// The verdict on what a read found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It may be so.
    Fine,
    /// The key does not exist, which rct cannot judge: a removal or an expiry may be the reason.
    Absent,
    /// A write that was acknowledged is missing: the value is older, or there is none.
    Outdated(Outdated),
    /// The value does not fit the key.
    Flawed(Flaw),
    /// No write had this counter.
    NeverSent,
}

/// A value that is older than an acknowledged write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outdated {
    /// The counter of the value; `None` if there is no value.
    pub(crate) found: Option<u32>,
    /// The lowest counter that may be there.
    pub(crate) expected: u32,
    /// When the newer write was acknowledged, in units of the ledger.
    pub(crate) acknowledged: u32,
}

/// How many writes in doubt took effect.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct DoubtCounts {
    pub(crate) applied: u64,
    pub(crate) not_applied: u64,
    /// A later write has hidden the effect.
    pub(crate) unknown: u64,
}
