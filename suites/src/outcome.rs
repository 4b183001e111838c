//! How a check ends: fine, or stopped by a broken rule, by a reason to skip, or by trouble of our own.

use std::fmt;

/// A check's result; `Ok` means that the rule held.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a check ended before its last step. `?` never turns one kind into another.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The server broke the rule.
    Mismatch(Box<Mismatch>),
    /// The rule cannot be judged here, and why.
    Skip(String),
    /// The harness or the environment failed, and how. Never the server's fault.
    Broken(String),
}

impl Stop {
    /// The rule cannot be judged here.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::Skip(reason.into())
    }

    /// The harness or the environment failed.
    pub fn broken(reason: impl Into<String>) -> Self {
        Self::Broken(reason.into())
    }

    /// The server broke the rule in a way that is more than one reply: what was expected and what was seen.
    pub fn mismatch(expected: impl Into<String>, received: impl Into<String>) -> Self {
        Self::Mismatch(Box::new(Mismatch {
            expected: expected.into(),
            received: received.into(),
            ..Mismatch::default()
        }))
    }

    /// Adds a remark to a mismatch; leaves the other kinds as they are.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        if let Self::Mismatch(mismatch) = &mut self {
            mismatch.note = Some(note.into());
        }
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch(mismatch) => {
                write!(formatter, "expected {}, received {}", mismatch.expected, mismatch.received)
            }
            Self::Skip(reason) | Self::Broken(reason) => formatter.write_str(reason),
        }
    }
}

/// A broken rule: what was sent where, what should have come, and what came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Which step of how many, for checks that are lists of steps, such as `2 of 3`.
    pub step: Option<String>,
    /// The command, as one would type it.
    pub sent: Option<String>,
    /// The node's address and what makes it the right one to ask.
    pub to: Option<String>,
    /// What the rule asks for.
    pub expected: String,
    /// What came instead.
    pub received: String,
    /// What else helps.
    pub note: Option<String>,
}

/// Ends a check as a mismatch unless a condition holds.
///
/// ```
/// # use suites::{ensure, Outcome};
/// # fn f(count: i64) -> Outcome {
/// ensure!(count == 1, "one key in the slot", "{count} keys");
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $expected:expr, $($received:tt)+) => {
        if !$condition {
            return Err($crate::Stop::mismatch($expected, format!($($received)+)));
        }
    };
}
