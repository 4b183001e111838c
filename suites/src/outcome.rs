//! How a check ends: its rule held, or it stopped because of a broken rule, a reason to skip, or a fault of rct or its
//! environment.

use std::fmt;

/// The result of a check or of a part of it; `Ok` means that the rule held.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a check ended before its last step.
///
/// `?` never turns one kind into another. Every reason is a sentence that can stand alone in a report.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The server broke the rule.
    Mismatch(Box<Mismatch>),
    /// The rule cannot be judged here; the text says why.
    Skip(String),
    /// rct or the environment failed; the text says how. This is never the fault of the server.
    Broken(String),
}

impl Stop {
    /// Skips the check because the rule cannot be judged here.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::Skip(reason.into())
    }

    /// Ends the check because rct or the environment failed.
    pub fn broken(reason: impl Into<String>) -> Self {
        Self::Broken(reason.into())
    }

    /// Ends the check because the server broke the rule: what was expected, and what came instead.
    ///
    /// An empty `received` becomes "nothing", so that the evidence always says what came.
    pub fn mismatch(expected: impl Into<String>, received: impl Into<String>) -> Self {
        let received: String = received.into();
        let received = if received.trim().is_empty() { "nothing".to_owned() } else { received };
        Self::Mismatch(Box::new(Mismatch { expected: expected.into(), received, ..Mismatch::default() }))
    }

    /// Adds a note to a mismatch and leaves the other kinds as they are.
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

/// The evidence of a broken rule: what rct sent to which node, what the rule demands, and what came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// The step of a check in TOML, such as `2 of 3`.
    pub step: Option<String>,
    /// The command as it is typed after redis-cli.
    pub sent: Option<String>,
    /// The address of the node, and in parentheses what the node is, such as `127.0.0.1:7000 (owns slot 5081)`.
    pub to: Option<String>,
    /// What the rule demands.
    pub expected: String,
    /// What came instead; never empty.
    pub received: String,
    /// A sentence that helps to understand the mismatch.
    pub note: Option<String>,
}

/// Ends a check with a mismatch unless a condition holds.
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
