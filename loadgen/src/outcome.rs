//! The outcomes of operations. They follow from the first word of a reply or from a fault of the connection.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The outcome of an operation. For an error, only its first word counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Outcome {
    /// A reply that is not an error.
    Ok,
    /// MOVED: another node serves the slot.
    Moved,
    /// ASK: another node must answer this one operation.
    Ask,
    /// TRYAGAIN: the slot is moving, and its keys are split between two nodes.
    TryAgain,
    /// CLUSTERDOWN: the cluster does not serve the slot now.
    ClusterDown,
    /// LOADING: the node is loading its data set.
    Loading,
    /// No reply within the limit.
    Timeout,
    /// The connection was lost before the reply.
    Closed,
    /// A connection could not be opened.
    Refused,
    /// The server sent malformed bytes, or a reply that exceeds the limits.
    Protocol,
    /// Any other error. It is also counted by its first word.
    Error,
}

/// The number of outcomes.
pub const OUTCOMES: usize = 11;

impl Outcome {
    /// All outcomes, in the order of their numbers.
    pub const ALL: [Self; OUTCOMES] = [
        Self::Ok,
        Self::Moved,
        Self::Ask,
        Self::TryAgain,
        Self::ClusterDown,
        Self::Loading,
        Self::Timeout,
        Self::Closed,
        Self::Refused,
        Self::Protocol,
        Self::Error,
    ];

    /// The outcome for an error with this first word.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match code {
            "MOVED" => Self::Moved,
            "ASK" => Self::Ask,
            "TRYAGAIN" => Self::TryAgain,
            "CLUSTERDOWN" => Self::ClusterDown,
            "LOADING" => Self::Loading,
            _ => Self::Error,
        }
    }

    /// The name in `run.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Moved => "moved",
            Self::Ask => "ask",
            Self::TryAgain => "try_again",
            Self::ClusterDown => "cluster_down",
            Self::Loading => "loading",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
            Self::Error => "error",
        }
    }

    /// Whether the outcome is a redirect to another node.
    #[must_use]
    pub fn is_redirect(self) -> bool {
        matches!(self, Self::Moved | Self::Ask)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The first word of an error, by which clients decide what to do.
pub(crate) fn first_word(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// How many operations had each outcome.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Outcomes([u64; OUTCOMES]);

impl Outcomes {
    /// Counts one outcome.
    pub fn count(&mut self, outcome: Outcome) {
        self.0[outcome as usize] += 1;
    }

    /// How many operations had this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// The number of redirects: MOVED and ASK.
    #[must_use]
    pub fn redirects(&self) -> u64 {
        self.of(Outcome::Moved) + self.of(Outcome::Ask)
    }

    /// The number of outcomes that are neither good replies nor redirects.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.0.iter().sum::<u64>() - self.of(Outcome::Ok) - self.redirects()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_their_numbers_and_counts_add_up() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
        }
        let mut counts = Outcomes::default();
        for outcome in [Outcome::Ok, Outcome::Moved, Outcome::Ask, Outcome::Timeout, Outcome::Timeout] {
            counts.count(outcome);
        }
        counts.add(&counts.clone());
        assert_eq!((counts.of(Outcome::Ok), counts.redirects(), counts.errors()), (2, 4, 4));
    }

    #[test]
    fn the_first_word_decides() {
        assert_eq!(Outcome::of_code("MOVED"), Outcome::Moved);
        assert_eq!(Outcome::of_code("MOVEDX"), Outcome::Error);
        assert_eq!(Outcome::of_code(""), Outcome::Error);
    }
}
